/** How a checkpoint was made, as a section of its card. */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as History from "../training/History.ts"
import { line, table } from "./Markdown.ts"

/** @param baseModel where the encoder came from, as its author says; empty where that and the history say nothing */
export const section = ({ history }: Checkpoint.Training, baseModel: string | undefined): ReadonlyArray<string> => {
  const entries = History.entries(history)
  const from = baseModel === undefined ? [] : [`The encoder started from \`${line(baseModel)}\`.`]
  if (entries.length === 0) return from.length === 0 ? [] : ["## How it was made", ...from]
  const rows = entries.map(({ phase, updates, trainable, undone }) => [
    `${phase}`,
    `${updates}`,
    trainable.join(", "),
    undone === undefined ? "" : "undone",
  ])
  return ["## How it was made", ...from, table(["Phase", "Updates", "What trained", ""], rows)]
}
