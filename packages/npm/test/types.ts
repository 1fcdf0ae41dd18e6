// Compiled, never run: the types as a program uses them.
import { type Call, Emulator } from "b2kit-emulator";

export async function example(): Promise<number> {
  const emulator = await Emulator.start({ buckets: ["holiday-photos"] });
  const fault = await emulator.fault("error", { on: { call: "b2_upload_file" }, when: { nth: 2 }, status: 503, code: "busy" });
  const calls: Call[] = await emulator.calls({ status: "5xx", faults: true });
  // @ts-expect-error a class is A, B or C
  console.log(calls[0]?.class === "D", emulator.url.length);
  await emulator.stop();
  return fault.hits();
}
