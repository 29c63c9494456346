"""A pass that tells of each item as it comes, and waits for nobody."""

from cscd.files.outcome import Lasting, Result
from cscd.files.tree import Tree
from cscd.worker.passes.announcements import Announcements
from cscd.worker.passes.crew import Crew
from cscd.worker.passes.directories import Directories
from cscd.worker.passes.places import Place
from cscd.worker.passes.recheck import Pass
from cscd.worker.passes.tally import join
from cscd.worker.passes.tasks import ConvertItems


def worth_telling(result: Result) -> bool:
    """Whether it is told what came of an item: it was converted, or stays in the other state."""
    return result.converted or bool(result.reason and result.reason.lasting is not Lasting.FINE)


def word_of(result: Result) -> str:
    """Return the reason as `ItemEnds` has it: "" where nothing is left to do."""
    return str(result.reason) if result.reason and result.reason.lasting is not Lasting.FINE else ""


def absolute(tree: Tree, place: Place) -> str:
    """Return the path of an item, or of a directory of the tree."""
    relative = join(*place)
    return join(tree.path, relative) if relative else tree.path


class ToldPass(Pass):
    """A pass that tells of the items that it converts, and of what it leaves in the other state.

    Items are converted many at a time, so most are told when they are done, beginning and end together. A
    large one has its process to itself: that it begins is told as soon as some of it has been read.
    """

    announcements: Announcements
    """Where it tells; set before `run`."""

    def _take_answers(self, crew: Crew, directories: Directories, timeout: float, wake: list[int]) -> None:
        super()._take_answers(crew, directories, timeout, wake)
        for task in crew.reading():
            if isinstance(task, ConvertItems) and len(places := list(task.places())) == 1:
                self.announcements.begins(self._absolute(places[0]))

    def _count_item(self, place: Place, result: Result | None, directories: Directories) -> None:
        super()._count_item(place, result, directories)
        if result:
            path = self._absolute(place)
            if worth_telling(result) or self.announcements.begun(path):
                self.announcements.ends(path, word_of(result))

    def _leave(self, directory: str, name: str, result: Result) -> None:
        super()._leave(directory, name, result)
        if worth_telling(result):
            self.announcements.ends(self._absolute((directory, name)), word_of(result))

    def _absolute(self, place: Place) -> str:
        return absolute(self._tree, place)
