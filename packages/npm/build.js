// Puts the program into bin/: the one of B2KIT_EMULATOR, or one that cargo builds.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const name = process.platform === "win32" ? "b2kit-emulator.exe" : "b2kit-emulator";
let binary = process.env.B2KIT_EMULATOR;
if (!binary) {
  const manifest = fileURLToPath(new URL("../../backends/emulator/Cargo.toml", import.meta.url));
  const built = execFileSync("cargo", ["build", "--release", "--locked", "--features", "cli", "--bin", "b2kit-emulator",
    "--message-format", "json-render-diagnostics", "--manifest-path", manifest], { encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"], maxBuffer: 1 << 28 });
  const messages = built.trim().split("\n").map((line) => JSON.parse(line));
  binary = messages.findLast((it) => it.executable).executable;
}
mkdirSync(new URL("bin", import.meta.url), { recursive: true });
copyFileSync(binary, new URL("bin/" + name, import.meta.url));
