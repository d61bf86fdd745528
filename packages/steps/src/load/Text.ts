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

/** The last word of a sentence, and what may be the first of another. */
const [ends, begins] = [/[.!?]["'”’)\]]*$/u, /^["'“‘([]*[\p{Lu}\p{N}]/u]

/** Words and the line that the first of them is in. */
interface Words {
  readonly line: number
  readonly words: Array<string>
}

/** Takes lines and gives passages. */
class Packer {
  private readonly most: number
  /** A sentence whose end has not been seen. */
  private sentence: Words | undefined
  private passage: Words | undefined

  constructor(most: number) {
    this.most = most
  }

  *add(lines: ReadonlyArray<SourceText.Line>): Generator<Passage, void, void> {
    for (const { line, text: written } of lines) {
      const words = written.split(/\s+/u).filter((word) => word !== "")
      // The end of a paragraph is the end of a sentence.
      if (words.length === 0) yield* this.close()
      for (const word of words) {
        const before = this.sentence?.words.at(-1)
        if (before !== undefined && ends.test(before) && begins.test(word)) yield* this.close()
        this.sentence ??= { line, words: [] }
        this.sentence.words.push(word)
      }
    }
  }

  *end(): Generator<Passage, void, void> {
    yield* this.close()
    yield* this.flush()
  }

  /** The sentence goes into the passage, or into others where it is longer. */
  private *close(): Generator<Passage, void, void> {
    if (this.sentence === undefined) return
    const { line, words } = this.sentence
    this.sentence = undefined
    if ((this.passage?.words.length ?? 0) + words.length > this.most) yield* this.flush()
    for (const word of words) {
      if (this.passage?.words.length === this.most) yield* this.flush()
      this.passage ??= { line, words: [] }
      this.passage.words.push(word)
    }
  }

  private *flush(): Generator<Passage, void, void> {
    const done = this.passage
    this.passage = undefined
    if (done !== undefined) yield { line: done.line, text: done.words.join(" ") }
  }
}
