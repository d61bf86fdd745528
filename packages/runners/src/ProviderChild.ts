/** Entry of the process that tries one execution provider, named by its argument, and sends why it does not work, or "". */
import * as Onnxruntime from "./Onnxruntime.ts"

const provider = process.argv[2] as Onnxruntime.Provider
const problem = await Onnxruntime.attempt(provider).then(() => "", Onnxruntime.reason)
process.send?.(problem, () => process.exit(0))
