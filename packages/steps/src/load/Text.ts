/** Examples from plain text, for pre-training: passages, see `Passages`. */
import * as Dataset from "@thaw/core/Dataset"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Schema } from "effect"
import * as Draft from "./Draft.ts"
import * as Passages from "./Passages.ts"

/** Name of the kept column with the file that a passage is from: `Split.byGroup({ group: Load.document, … })`. */
export const document = "document"

/**
 * `Load.text({ path: "./books/*.txt", words: 48 })`: passages without labels. `path` names a file, a folder of files or a
 * glob; `words` is 48 unless given, about 64 tokens of English.
 *
 * Ids come from content. Fails with `SourceUnreadable` when a file cannot be read, with `InvalidData` on bytes that are no
 * text in UTF-8, naming the line, and when there is no text at all.
 */
export const text = Step.make({
  name: "Load.text",
  version: "1",
  input: { path: Source.files, words: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))) },
  output: Dataset.Examples,
  run: ({ path, words = 48 }) => {
    const format: Draft.Format = {
      unit: "line",
      read: async function* (source) {
        for await (const passages of Passages.read(source, words)) {
          yield passages.map((passage): Draft.Draft => ({
            place: passage.line,
            text: passage.text,
            labels: {},
            tags: {},
            kept: { [document]: source.written },
          }))
        }
      },
    }
    return Draft.examples(path, format, { labels: [], tags: [], kept: [document] })
  },
})
