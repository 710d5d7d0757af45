#!/bin/sh
# Written by Longshore's local stand-in for GitHub: it keeps what was pushed where the stand-in looks for it, and says
# what becomes of it. It never fails a push.
read -r hub 2>/dev/null <pushes/hub
if kill -0 "$hub" 2>/dev/null; then
    created='is on its way' deleted='goes away'
else
    created='begins when `longshore up` runs again' deleted='goes away when `longshore up` runs again'
fi
if ! (: >"pushes/$$.part") 2>/dev/null; then
    echo 'longshore: cannot note this push in `pushes`; its branches are seen at the next look at the list'
    exit 0
fi
default=$(git symbolic-ref -q HEAD)
while read -r before after ref; do
    printf '%s %s %s\n' "$before" "$after" "$ref" >&3
    case $ref in
        "$default") continue ;;
        refs/heads/*) ;;
        *) continue ;;
    esac
    case $after in
        *[!0]*) what=$created ;;
        *) what=$deleted ;;
    esac
    printf 'longshore: preview of %s %s\n' "${ref#refs/heads/}" "$what"
done 3>"pushes/$$.part" && mv "pushes/$$.part" "pushes/$$.push"
exit 0
