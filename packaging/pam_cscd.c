/*
 * pam_cscd.so: has PAM run cscd-pam, as pam_exec.so does, and does without what is in the way there.
 *
 * It hands on the password where a user gets a new one, too, which pam_exec.so does from Linux-PAM 1.6 on; never
 * asks for one itself; and has nothing of PAM's environment, which the user may have chosen, reach the program. It
 * waits for two seconds at most, and its answer is always PAM_IGNORE: nobody gets in by it, and nobody is kept out.
 *
 *     auth     [default=ignore]  /usr/local/lib/cscd/lib/pam_cscd.so  /usr/local/lib/cscd/bin/cscd-pam
 *     password [default=ignore]  /usr/local/lib/cscd/lib/pam_cscd.so  /usr/local/lib/cscd/bin/cscd-pam
 *
 * It runs inside of login, sshd, passwd: whatever fails here, fails in silence. docs/pam.md has the rest.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What security/pam_modules.h and pam_ext.h say, which are seldom installed; it is Linux-PAM's stable ABI. */
typedef struct pam_handle pam_handle_t;
enum { PAM_IGNORE = 25 };                       /* a result */
enum { PAM_USER = 2, PAM_AUTHTOK = 6 };         /* items */
enum { PAM_PRELIM_CHECK = 0x4000, PAM_SILENT = 0x8000 }; /* flags */
enum { PAM_TEXT_INFO = 4 };                     /* a style of message */
int pam_get_item(const pam_handle_t *pamh, int item, const void **value);
int pam_prompt(pam_handle_t *pamh, int style, char **response, const char *format, ...);

#define MILLISECONDS 2000 /* for cscd-pam, which ends by itself before */
#define LONGEST 1024      /* bytes of a password, fewer than a pipe takes without a reader (pipe(7)) */
#define VISIBLE __attribute__((visibility("default")))

static long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* The end of a pipe that has the password in it and then nothing; -1 if that failed. */
static int holding(const char *password, size_t length)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    ssize_t written = write(ends[1], password, length);
    close(ends[1]);
    if (written == (ssize_t)length)
        return ends[0];
    close(ends[0]);
    return -1;
}

/* Start the program with that as its input, an output, no other descriptor and no signal blocked; 0, or not. */
static int start(pid_t *child, char *const argv[], char *const envp[], int input, int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&files))
        return -1;
    if (posix_spawnattr_init(&attributes)) {
        posix_spawn_file_actions_destroy(&files);
        return -1;
    }
    int failed = posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO) ||
                 posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO) ||
                 posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO) ||
                 posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1) ||
                 posix_spawnattr_setsigmask(&attributes, &none) ||
                 posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK) ||
                 posix_spawn(child, argv[0], &files, &attributes, argv, envp);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* What the program prints until it closes its output, in time, as one string; 1 if it was in time. */
static int heard(int output, char *text, size_t size)
{
    long end = now() + MILLISECONDS;
    size_t length = 0;
    for (;;) {
        text[length] = '\0';
        long left = end - now();
        struct pollfd ready = {.fd = output, .events = POLLIN};
        if (left <= 0)
            return 0;
        int found = poll(&ready, 1, (int)left);
        if (found < 0 && errno != EINTR)
            return 0;
        if (found <= 0)
            continue;
        char rest[256];
        int full = length + 1 >= size;
        ssize_t got = full ? read(output, rest, sizeof rest) : read(output, text + length, size - 1 - length);
        if (got == 0)
            return 1;
        if (got < 0 && errno != EINTR)
            return 0;
        if (got > 0 && !full)
            length += (size_t)got;
    }
}

/* Run the program to its end, or until its time is over, and have what it prints in `text`. */
static void run(char *const argv[], char *const envp[], int input, char *text, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return;
    pid_t child;
    int failed = start(&child, argv, envp, input, ends[1]);
    close(ends[1]);
    if (!failed) {
        if (!heard(ends[0], text, size))
            kill(child, SIGKILL);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
}

static int hand_over(pam_handle_t *pamh, const char *type, int flags, int argc, const char **argv)
{
    const void *user = NULL, *password = NULL;
    if (argc != 1 || argv[0][0] != '/' || pam_get_item(pamh, PAM_USER, &user) || !user ||
        pam_get_item(pamh, PAM_AUTHTOK, &password) || !password)
        return PAM_IGNORE;
    size_t length = strlen(password);
    char name[512], stage[32], text[1024] = "";
    int named = snprintf(name, sizeof name, "PAM_USER=%s", (const char *)user);
    snprintf(stage, sizeof stage, "PAM_TYPE=%s", type);
    if (length < 1 || length > LONGEST || named < 0 || (size_t)named >= sizeof name)
        return PAM_IGNORE;
    int input = holding(password, length);
    if (input < 0)
        return PAM_IGNORE;
    /* The program around us may reap, or hear of, every child that ends: this one is ours. */
    struct sigaction ours = {.sa_handler = SIG_DFL}, theirs;
    if (!sigaction(SIGCHLD, &ours, &theirs)) {
        char *arguments[] = {(char *)argv[0], NULL};
        char *environment[] = {name, stage, NULL};
        run(arguments, environment, input, text, sizeof text);
        sigaction(SIGCHLD, &theirs, NULL);
    }
    close(input);
    text[strcspn(text, "\n")] = '\0';
    if (text[0] && !(flags & PAM_SILENT))
        pam_prompt(pamh, PAM_TEXT_INFO, NULL, "%s", text);
    return PAM_IGNORE;
}

VISIBLE int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return hand_over(pamh, "auth", flags, argc, argv);
}

VISIBLE int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_IGNORE;
}

/* The first of two rounds asks whether the password could be changed; in the second, it is. */
VISIBLE int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    return flags & PAM_PRELIM_CHECK ? PAM_IGNORE : hand_over(pamh, "password", flags, argc, argv);
}
