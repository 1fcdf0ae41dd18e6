import re
import subprocess

from b2sdk.v3 import B2Api, InMemoryAccountInfo

# an emulator for the time of this program
emulator = subprocess.Popen(
    ["b2kit-emulator", "--port", "0", "--bucket", "holiday-photos"], stdout=subprocess.PIPE, text=True
)
settings = {}
for line in emulator.stdout:
    settings.update(re.findall(r"^export (\w+)=(\S*)", line))
    if "Ctrl-C" in line:
        break

try:
    b2 = B2Api(InMemoryAccountInfo())
    b2.authorize_account(
        settings["B2_APPLICATION_KEY_ID"], settings["B2_APPLICATION_KEY"], realm=settings["B2_ENVIRONMENT"]
    )
    bucket = b2.get_bucket_by_name("holiday-photos")
    bucket.upload_bytes(b"meow", "2026/cat.txt")
    assert [file.file_name for file, _ in bucket.ls("2026")] == ["2026/cat.txt"]
finally:
    emulator.terminate()
    emulator.wait()
