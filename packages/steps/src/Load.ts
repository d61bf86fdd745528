/** Loaders: steps that read a file into examples. */
export { conll } from "./load/Conll.ts"
export { csv } from "./load/Csv.ts"
export { jsonl } from "./load/Jsonl.ts"
