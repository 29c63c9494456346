# shellcheck shell=bash
# Sourced by the scripts beside it: where things go, from the variables of `make`.

prefix=${prefix:-/usr/local}
DESTDIR=${DESTDIR:-}
# shellcheck disable=SC2034 # those who source it use it
library=$prefix/lib/cscd
case $prefix in
    /usr | /usr/local) systemd_prefix=$prefix ;;
    *) systemd_prefix=/usr/local ;;
esac
# The bus reads policies below /usr/share and /etc alone; polkit reads actions and pam-auth-update profiles below
# /usr/share.
case $prefix in
    /usr) bus_policies=/usr/share/dbus-1/system.d ;;
    *) bus_policies=/etc/dbus-1/system.d ;;
esac

fail() {
    echo "$*" >&2
    exit 1
}

case $prefix in
    /*[[:space:]]* | [!/]* | */ | *..*) fail "prefix must be an absolute path without spaces, not '$prefix'." ;;
esac
case $DESTDIR in
    "" | /*) ;;
    *) fail "DESTDIR must be an absolute path, not '$DESTDIR'." ;;
esac

# Whether it is this machine that is changed, and systemd is at work on it.
on_this_machine() {
    [ -z "$DESTDIR" ] && [ -d /run/systemd/system ]
}

# Whether PAM runs what is installed here: it is switched on by pam-auth-update(8).
runs_at_logons() {
    [ -z "$DESTDIR" ] && command -v pam-auth-update >/dev/null && grep -qs "$library/" /etc/pam.d/common-*
}

# The lines of the layout: mode, source, destination with DESTDIR and prefix.
layout() {
    while read -r mode source destination; do
        case $mode in
            "" | "#"*) continue ;;
        esac
        case $destination in
            lib/systemd/*) echo "$mode $source $DESTDIR$systemd_prefix/$destination" ;;
            share/dbus-1/system.d/*) echo "$mode $source $DESTDIR$bus_policies/${destination##*/}" ;;
            share/dbus-1/*) echo "$mode $source $DESTDIR$systemd_prefix/$destination" ;;
            etc/*) echo "$mode $source $DESTDIR/$destination" ;;
            share/polkit-1/* | share/pam-configs/*) echo "$mode $source $DESTDIR/usr/$destination" ;;
            *) echo "$mode $source $DESTDIR$prefix/$destination" ;;
        esac
    done <packaging/layout
}

# What is put below /etc where it is not there yet, and is the administrator's from then on: source, destination.
configuration() {
    echo "config/cscd.yaml $DESTDIR/etc/cscd/cscd.yaml"
    echo "packaging/logrotate $DESTDIR/etc/logrotate.d/cscd"
}
