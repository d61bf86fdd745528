/** Texts in one form: markup, characters that nobody sees, Unicode's several ways to write the same, white space. */
import * as Dataset from "@thaw/core/Dataset"
import { PipelineInvalid } from "@thaw/core/Errors"
import { decodeHTML } from "entities"
import { Effect, Schema } from "effect"
import * as Texts from "../Texts.ts"
import * as Cleaning from "./Cleaning.ts"
import * as Markup from "./Markup.ts"
import * as Tags from "./Tags.ts"

/**
 * Control characters but tab and line ends, and format characters that change no word: soft hyphen, zero-width space, word
 * joiner, byte order mark, marks of direction. Joiners (U+200C, U+200D) stay: scripts and emoji are written with them.
 */
const invisible = /[\p{Cc}\u00AD\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]/gu
const removable = (text: string): string =>
  text.replace(invisible, (found) => (found === "\t" || found === "\n" || found === "\r" ? found : ""))

interface Operation {
  readonly why: string
  readonly apply: (text: string) => string
}

const operations = {
  html: {
    keep: undefined,
    entities: { why: "with character references decoded", apply: (text: string) => decodeHTML(text) },
    text: { why: "with markup removed", apply: Markup.textOf },
  },
  invisible: { keep: undefined, remove: { why: "with invisible characters removed", apply: removable } },
  form: {
    keep: undefined,
    NFC: { why: "brought into form NFC", apply: (text: string) => text.normalize("NFC") },
    NFKC: { why: "brought into form NFKC", apply: (text: string) => text.normalize("NFKC") },
  },
  whiteSpace: {
    keep: undefined,
    collapse: { why: "with white space collapsed", apply: (text: string) => text.replace(/\s+/gu, " ").trim() },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Operation | undefined>>>>

/**
 * `Clean.text({ examples, form: "NFKC", html: "text" })`, in this order:
 *
 * - `html`: kept as it is; or its character `"entities"` decoded; or only the `"text"` that a reader sees,
 * - `invisible` characters removed,
 * - `form`: Unicode's NFC unless given,
 * - `whiteSpace` collapsed to single spaces, none around the text.
 *
 * Each but `html` is done unless it says `"keep"`. Tokens are cleaned one by one: one of which nothing is left goes with its
 * tags, and where it began an entity the next token of the entity begins it. An example of which nothing is left is
 * removed. Ids stay.
 *
 * Fails with `PipelineInvalid` on `html: "text"` for tokens, since markup spans several, and when nothing is asked for.
 */
export const text = Cleaning.make({
  name: "Clean.text",
  version: "1",
  input: {
    html: Schema.optionalKey(Schema.Literals(["keep", "entities", "text"])),
    invisible: Schema.optionalKey(Schema.Literals(["keep", "remove"])),
    form: Schema.optionalKey(Schema.Literals(["keep", "NFC", "NFKC"])),
    whiteSpace: Schema.optionalKey(Schema.Literals(["keep", "collapse"])),
  },
  decide: Effect.fnUntraced(function* (
    { html = "keep", invisible: hidden = "remove", form = "NFC", whiteSpace = "collapse" },
    examples,
    where,
  ) {
    const chosen = [
      operations.html[html],
      operations.invisible[hidden],
      operations.form[form],
      operations.whiteSpace[whiteSpace],
    ].filter((operation) => operation !== undefined)
    if (chosen.length === 0) {
      const expected = "something to clean"
      return yield* new PipelineInvalid({ where, expected, got: 'only "keep"', advice: "" })
    }
    const [first] = Dataset.rowsOf(examples)
    if (html === "text" && first?.tokens !== undefined) {
      return yield* new PipelineInvalid({
        where: `${where}, html`,
        expected: '"entities" or "keep" for examples in tokens, since markup spans several',
        got: '"text"',
        advice: "",
      })
    }
    return (row: Dataset.Example): Cleaning.Decision => {
      const changes: Array<Cleaning.Change> = []
      const cleaned = chosen.reduce((now, { why, apply }) => {
        const next = mapped(now, apply)
        const [from, to] = [wordsOf(now), wordsOf(next)]
        if (from !== to) changes.push({ why, what: () => `${Texts.shown(from)} → ${Texts.shown(to)}` })
        return next
      }, row)
      if (changes.length === 0) return Cleaning.unchanged(row)
      const left = withoutEmpty(cleaned)
      return [Dataset.textOf(left), left.pair, left.negative].some((text) => text?.trim() === "")
        ? { removed: "of which no text is left", what: () => Texts.shown(wordsOf(row)) }
        : { row: left, changes }
    }
  }),
})

/** All texts of a pair. */
const wordsOf = (row: Dataset.Example): string =>
  [Dataset.textOf(row), row.pair, row.negative].filter((text) => text !== undefined).join(" | ")

const mapped = (row: Dataset.Example, apply: (text: string) => string): Dataset.Example => ({
  ...row,
  ...(row.text === undefined ? {} : { text: apply(row.text) }),
  ...(row.pair === undefined ? {} : { pair: apply(row.pair) }),
  ...(row.negative === undefined ? {} : { negative: apply(row.negative) }),
  ...(row.tokens === undefined ? {} : { tokens: row.tokens.map(apply) }),
})

/** Without tokens that have become empty; tags stay one per token. */
const withoutEmpty = (row: Dataset.Example): Dataset.Example => {
  const { tokens } = row
  if (tokens === undefined || tokens.every((token) => token !== "")) return row
  const isKept = (at: number) => tokens[at] !== ""
  return {
    ...row,
    tokens: tokens.filter((token) => token !== ""),
    tags: Object.fromEntries(Object.entries(row.tags).map(([task, tags]) => [task, Tags.kept(tags, isKept)])),
  }
}
