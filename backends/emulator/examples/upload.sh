# an emulator for the time of this script
settings=$(mktemp)
b2kit-emulator --port 0 --bucket holiday-photos >"$settings" &
trap 'kill $!; rm "$settings"' EXIT
until grep -q Ctrl-C "$settings"; do sleep 0.1; done
. "$settings"

echo meow >cat.txt
rclone copy cat.txt emulator:holiday-photos/2026
rclone cat emulator:holiday-photos/2026/cat.txt | diff - cat.txt
