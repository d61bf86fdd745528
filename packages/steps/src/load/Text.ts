/**
 * Examples from plain text, for pre-training: passages of whole sentences, as many as fit into a number of words.
 *
 * Lines of a paragraph are joined, so it does not matter where a file wraps them, and white space becomes single spaces.
 * A passage goes on over the ends of paragraphs and never over the end of a file. A sentence longer than a passage is cut.
 *
 * A sentence ends at `.`, `!` or `?`, closing quotes and brackets after it, before white space and what may begin another:
 * an upper-case letter, a digit, an opening quote or bracket. `Mr. Holmes` is cut in two by that, which costs a passage
 * nothing; a library's rules would change with its version, and with them every example.
 */
import * as Dataset from "@thaw/core/Dataset"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Schema } from "effect"
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"

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
        const packer = new Packer(words)
        const drafts = (passages: Iterable<Passage>) =>
          Array.from(passages, ({ line, text: passage }): Draft.Draft => ({
            place: line,
            text: passage,
            labels: {},
            tags: {},
            kept: { [document]: source.written },
          }))
        for await (const lines of SourceText.lines(source)) yield drafts(packer.add(lines))
        yield drafts(packer.end())
      },
    }
    return Draft.examples(path, format, { labels: [], tags: [], kept: [document] })
  },
})

interface Passage {
  /** Where it starts. */
  readonly line: number
  readonly text: string
}

/** What follows an end of a sentence. */
const sentenceEnd = /(?<=[.!?]["'”’)\]]*)\s+(?=["'“‘([]*[\p{Lu}\p{N}])/u

/** Takes lines and gives passages. */
class Packer {
  private readonly most: number
  /** Words of a sentence whose end has not been seen, and the line it starts in. */
  private open: { line: number; text: string } | undefined
  private passage: { line: number; words: Array<string> } | undefined

  constructor(most: number) {
    this.most = most
  }

  *add(lines: ReadonlyArray<SourceText.Line>): Generator<Passage, void, void> {
    for (const { line, text: written } of lines) {
      const cleaned = written.replace(/\s+/gu, " ").trim()
      if (cleaned === "") {
        yield* this.close()
        continue
      }
      const sentences = `${this.open === undefined ? "" : `${this.open.text} `}${cleaned}`.split(sentenceEnd)
      const from = this.open?.line ?? line
      this.open = { line: sentences.length === 1 ? from : line, text: sentences.pop()! }
      for (const [at, sentence] of sentences.entries()) yield* this.put(at === 0 ? from : line, sentence)
    }
  }

  *end(): Generator<Passage, void, void> {
    yield* this.close()
    yield* this.flush()
  }

  /** The end of a paragraph is the end of a sentence. */
  private *close(): Generator<Passage, void, void> {
    const last = this.open
    this.open = undefined
    if (last !== undefined) yield* this.put(last.line, last.text)
  }

  private *put(line: number, sentence: string): Generator<Passage, void, void> {
    const words = sentence.split(" ")
    if ((this.passage?.words.length ?? 0) + words.length > this.most) yield* this.flush()
    for (let from = 0; from < words.length; from += this.most) {
      const part = words.slice(from, from + this.most)
      this.passage = { line: this.passage?.line ?? line, words: [...(this.passage?.words ?? []), ...part] }
      if (from + this.most < words.length) yield* this.flush()
    }
  }

  private *flush(): Generator<Passage, void, void> {
    const done = this.passage
    this.passage = undefined
    if (done !== undefined) yield { line: done.line, text: done.words.join(" ") }
  }
}
