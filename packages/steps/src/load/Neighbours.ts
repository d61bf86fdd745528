/**
 * Pairs of passages that follow one another in plain text, see `Passages`: what an encoder can learn from texts alone of
 * which texts belong together (Logeswaran & Lee 2018, arXiv 1803.02893, with passages for sentences).
 */
import * as Dataset from "@thaw/core/Dataset"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Schema } from "effect"
import * as Draft from "./Draft.ts"
import * as Passages from "./Passages.ts"
import { document } from "./Text.ts"

/**
 * `Load.neighbours({ path: "./books/*.txt", words: 24 })`: pairs without labels for `Head.sentenceEmbedding`. Each passage
 * is in one pair: the first with the second, the third with the fourth; the last of a file with an odd number of them is
 * left out. `path` names a file, a folder of files or a glob; `words` of each passage is 24 unless given.
 *
 * Ids come from content. Fails with `SourceUnreadable` when a file cannot be read, with `InvalidData` on bytes that are no
 * text in UTF-8, naming the line, and when there is no pair at all.
 */
export const neighbours = Step.make({
  name: "Load.neighbours",
  version: "1",
  input: { path: Source.files, words: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))) },
  output: Dataset.Examples,
  run: ({ path, words = 24 }) => {
    const format: Draft.Format = {
      unit: "line",
      read: async function* (source) {
        let first: Passages.Passage | undefined
        for await (const passages of Passages.read(source, words)) {
          const pairs: Array<Draft.Draft> = []
          for (const passage of passages) {
            if (first === undefined) {
              first = passage
              continue
            }
            const { line, text } = first
            const kept = { [document]: source.written }
            pairs.push({ place: line, text, pair: passage.text, labels: {}, tags: {}, kept })
            first = undefined
          }
          yield pairs
        }
      },
    }
    return Draft.examples(path, format, { labels: [], tags: [], kept: [document] })
  },
})
