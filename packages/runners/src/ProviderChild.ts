/** Entry of the process that tries one execution provider, named by its argument, and sends why it does not work, or "". */
import * as Onnxruntime from "./Onnxruntime.ts"

/** The first line, without the place in the runtime's own source and the condition that failed there. */
const reason = (message: string): string =>
  message
    .split("\n")[0]!
    .replace(/^\/onnxruntime_src\/.* was false\. /, "")
    .trim() || "no reason given"

const provider = process.argv[2] as Onnxruntime.Provider
const problem = await Onnxruntime.attempt(provider).then(
  () => "",
  (cause: unknown) => reason(cause instanceof Error ? cause.message : String(cause)),
)
process.send?.(problem, () => process.exit(0))
