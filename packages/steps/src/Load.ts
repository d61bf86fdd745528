/** Loaders: steps that read files, or rows at hand, into examples. */
export { arrow } from "./load/ArrowFile.ts"
export { conll } from "./load/Conll.ts"
export { csv } from "./load/Csv.ts"
export { huggingFace } from "./load/HuggingFace.ts"
export { jsonl } from "./load/Jsonl.ts"
export { parquet } from "./load/Parquet.ts"
export { rows } from "./load/Rows.ts"
export { document, text } from "./load/Text.ts"
