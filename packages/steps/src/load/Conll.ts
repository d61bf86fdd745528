/**
 * Examples from a file in columns, as the CoNLL shared tasks use it (Tjong Kim Sang & De Meulder 2003).
 *
 * ```
 * # id = a0001              comments before a sentence: labels and id by key, as CoNLL-U writes them
 * # intent = travel
 * to      O                 a token a line; columns parted by a tab, or by white space where the line has no tab
 * Leeds   B-place
 *                           a blank line ends the sentence
 * ```
 *
 * `-DOCSTART-` lines are skipped. A line that starts with `# ` before a sentence's first token is a comment. An empty
 * or `_` value of a label, and a column that is empty or `_` throughout a sentence, mean that the sentence has none.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"
import * as TagColumn from "./TagColumn.ts"

interface Sentence {
  /** Line of the first token. */
  readonly line: number
  readonly comments: ReadonlyMap<string, string>
  /** Cells by line; a line that holds no token (CoNLL-U's ranges) is not among them. */
  readonly rows: Array<{ readonly line: number; readonly cells: ReadonlyArray<string> }>
}

/**
 * `Load.conll({ path: "./data/assistant.conll", tags: { entities: 1 }, labels: { intent: "intent" }, id: "id" })`: the
 * second column holds the tags of the task `entities`, the comment `# intent = …` the label of the task `intent`.
 *
 * Columns are numbered as by `Array.at`: 0 is the first, -1 the last. `token` is the column with the tokens, 0 unless
 * given.
 * Tags in IOB1, IOB2, IO, BIOES and BILOU become BIO by conlleval's reading (see `TagColumn`); a column without O and
 * without prefixes, such as parts of speech, stays as it is. Ids come from the comment `id` names, else from content.
 *
 * Fails with `SourceUnreadable` when the file cannot be read, with `InvalidData` naming the line otherwise.
 */
export const conll = Step.make({
  name: "Load.conll",
  version: "1",
  input: {
    path: Source.file,
    token: Schema.optionalKey(Schema.Int),
    tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.Int)),
    labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    id: Schema.optionalKey(Schema.String),
  },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* (inputs) {
    const source = inputs.path
    const sentences = yield* parse(source, yield* SourceText.read(source), inputs.token ?? 0)
    yield* Draft.requireSome(source, sentences)
    const width = sentences[0]?.rows[0]?.cells.length ?? 0
    const token = yield* place(source, "token", inputs.token ?? 0, width)
    const labels = Object.entries(inputs.labels ?? {})
    yield* requireComments(source, sentences, [
      ...labels.map(([, key]) => key),
      ...(inputs.id === undefined ? [] : [inputs.id]),
    ])

    const tags: Array<readonly [task: string, column: ReadonlyArray<ReadonlyArray<string> | undefined>]> = []
    for (const [task, column] of Object.entries(inputs.tags ?? {})) {
      const at = yield* place(source, task, column, width)
      if (at === token) {
        return yield* new PipelineInvalid({
          where: source.written,
          expected: `another column for task ${JSON.stringify(task)} than for the tokens`,
          got: `column ${column} for both`,
          advice: "0 is the first column, -1 the last.",
        })
      }
      const sequences: Array<TagColumn.Sequence> = []
      for (const sentence of sentences) sequences.push(yield* tagsOf(source, task, sentence, at))
      tags.push([task, yield* TagColumn.normalise(source, task, sequences)])
    }
    const drafts = sentences.map(({ line, comments, rows }, sentence): Draft.Draft => ({
      line,
      ...(inputs.id === undefined ? {} : { id: comments.get(inputs.id) ?? "" }),
      tokens: rows.map(({ cells }) => cells[token]!),
      labels: Object.fromEntries(
        labels.flatMap(([task, key]) => {
          const label = comments.get(key) ?? ""
          return label === "" || label === "_" ? [] : [[task, label]]
        }),
      ),
      tags: Object.fromEntries(
        tags.flatMap(([task, column]) => {
          const sequence = column[sentence]
          return sequence === undefined ? [] : [[task, sequence]]
        }),
      ),
    }))
    return yield* Draft.examples(source, drafts, {
      labels: labels.map(([task]) => task),
      tags: tags.map(([task]) => task),
    })
  }),
})

/** Sentences with at least one token. */
const parse = Effect.fnUntraced(function* (source: Source.Located, text: string, token: number) {
  const sentences: Array<Sentence> = []
  let comments = new Map<string, string>()
  let rows: Sentence["rows"] = []
  let width: number | undefined
  const end = () => {
    if (rows.length > 0) {
      sentences.push({ line: rows[0]!.line, comments, rows })
      comments = new Map()
    }
    rows = []
  }
  for (const [index, content] of text.split("\n").entries()) {
    const line = index + 1
    if (content.trim() === "") {
      end()
      continue
    }
    if (rows.length === 0 && /^#(?: |$)/u.test(content)) {
      const [, key, value] = /^# *([^=]*?) *=(.*)$/u.exec(content) ?? []
      if (key !== undefined && value !== undefined) comments.set(key, value.trim())
      continue
    }
    const cells = content.includes("\t") ? content.split("\t").map((cell) => cell.trim()) : content.trim().split(/\s+/u)
    if (cells[0] === "-DOCSTART-") continue
    // CoNLL-U numbers its tokens; ranges of them (1-2) and empty nodes (1.1) are no tokens of their own.
    if (token !== 0 && /^\d+[-.]\d+$/u.test(cells[0]!)) continue
    width ??= cells.length
    if (cells.length !== width) {
      return yield* new InvalidData({
        where: SourceText.at(source, line),
        expected: `${width} columns as in the lines before`,
        got: `${cells.length}`,
        advice: "Part columns by single tabs, or everywhere by spaces; leave a blank line between sentences.",
      })
    }
    if (cells.at(token) === "") {
      return yield* new InvalidData({
        where: SourceText.at(source, line),
        expected: "a token",
        got: "none",
        advice: "",
      })
    }
    rows.push({ line, cells })
  }
  end()
  return sentences
})

/** A column numbered as by `Array.at`, as a place in a row's cells. */
const place = (
  source: Source.Located,
  name: string,
  column: number,
  width: number,
): Effect.Effect<number, InvalidData> => {
  const at = column < 0 ? width + column : column
  return at >= 0 && at < width
    ? Effect.succeed(at)
    : Effect.fail(
        new InvalidData({
          where: source.written,
          expected: `a column ${column} (${name})`,
          got: `${width} columns`,
          advice: "0 is the first column, -1 the last.",
        }),
      )
}

/** A key that no sentence has is a misspelt one. */
const requireComments = (
  source: Source.Located,
  sentences: ReadonlyArray<Sentence>,
  keys: ReadonlyArray<string>,
): Effect.Effect<void, InvalidData> => {
  const known = new Set(sentences.flatMap(({ comments }) => [...comments.keys()]))
  const missing = keys.find((key) => !known.has(key))
  return missing === undefined
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where: source.written,
          expected: `comments ${JSON.stringify(`# ${missing} = …`)}`,
          got: "none",
          advice: known.size === 0 ? "" : Problem.suggestion(missing, known),
        }),
      )
}

const isEmpty = (cell: string): boolean => cell === "" || cell === "_"

/** A sentence's tags for one task: all of them or none. */
const tagsOf = (
  source: Source.Located,
  task: string,
  { rows }: Sentence,
  column: number,
): Effect.Effect<TagColumn.Sequence, InvalidData> => {
  const lineOf = (at: number): number => rows[at]!.line
  if (rows.every(({ cells }) => isEmpty(cells[column]!))) return Effect.succeed({ lineOf })
  const hole = rows.find(({ cells }) => isEmpty(cells[column]!))
  return hole === undefined
    ? Effect.succeed({ lineOf, tags: rows.map(({ cells }) => cells[column]!) })
    : Effect.fail(
        new InvalidData({
          where: SourceText.at(source, hole.line),
          expected: `a tag for task ${JSON.stringify(task)}, which other tokens of the sentence have`,
          got: "none",
          advice: "Write O for a token outside any chunk.",
        }),
      )
}
