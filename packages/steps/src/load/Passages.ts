/**
 * Passages of plain text: whole sentences, as many as fit into a number of words.
 *
 * Lines of a paragraph are joined, so it does not matter where a file wraps them, and white space becomes single spaces.
 * A passage goes on over the ends of paragraphs and never over the end of a file. A sentence longer than a passage is cut.
 *
 * A sentence ends at `.`, `!` or `?`, closing quotes and brackets after it, before white space and what may begin another:
 * an upper-case letter, a digit, an opening quote or bracket. `Mr. Holmes` is cut in two by that, which costs a passage
 * nothing; a library's rules would change with its version, and with them every example.
 */
import type * as Source from "@thaw/core/Source"
import * as SourceText from "./SourceText.ts"

export interface Passage {
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

/** Passages of a file in their order, some at a time. Throws what `SourceText.lines` throws. */
export async function* read(source: Source.Located, words: number): AsyncGenerator<ReadonlyArray<Passage>, void, void> {
  const packer = new Packer(words)
  for await (const lines of SourceText.lines(source)) yield [...packer.add(lines)]
  yield [...packer.end()]
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
