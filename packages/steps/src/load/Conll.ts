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
import { Schema } from "effect"
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"

interface Sentence {
  readonly comments: ReadonlyMap<string, string>
  /** Cells by line; a line that holds no token (CoNLL-U's ranges) is not among them. */
  readonly rows: ReadonlyArray<Token>
}

interface Token {
  readonly line: number
  readonly cells: ReadonlyArray<string>
}

/**
 * `Load.conll({ path: "./data/assistant.conll", tags: { entities: 1 }, labels: { intent: "intent" }, id: "id" })`: the
 * second column holds the tags of the task `entities`, the comment `# intent = …` the label of the task `intent`.
 *
 * `path` names a file, a folder of files or a glob. Columns are numbered as by `Array.at`: 0 is the first, -1 the last. `token` is the column with the tokens, 0 unless
 * given.
 * Tags in IOB1, IOB2, IO, BIOES and BILOU become BIO by conlleval's reading (see `TagColumn`); a column without O and
 * without prefixes, such as parts of speech, stays as it is. Ids come from the comment `id` names, else from content;
 * `keep` names comments that are no task and are kept for splits, such as a document.
 *
 * Fails with `SourceUnreadable` when the file cannot be read, with `InvalidData` naming the line otherwise.
 */
export const conll = Step.make({
  name: "Load.conll",
  version: "2",
  input: {
    path: Source.files,
    token: Schema.optionalKey(Schema.Int),
    tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.Int)),
    labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    id: Schema.optionalKey(Schema.String),
    keep: Schema.optionalKey(Schema.Array(Schema.String)),
  },
  output: Dataset.Examples,
  run: ({ path, token = 0, id, keep = [], ...given }) => {
    const labels = Object.entries(given.labels ?? {})
    const tags = Object.entries(given.tags ?? {})
    const keys = [...labels.map(([, key]) => key), ...(id === undefined ? [] : [id]), ...keep]
    const seen = new Set<string>()
    const format: Draft.Format = {
      unit: "line",
      read: async function* (source) {
        let columns: Columns | undefined
        for await (const sentences of parse(source, token)) {
          const drafts: Array<Draft.Draft> = []
          for (const sentence of sentences) {
            columns ??= columnsOf(source, token, tags, sentence.rows[0]!.cells.length)
            for (const key of sentence.comments.keys()) seen.add(key)
            drafts.push(draft(source, sentence, columns, labels, id, keep))
          }
          yield drafts
        }
      },
      end: (source) => requireComments(source, seen, keys),
    }
    return Draft.examples(path, format, {
      labels: labels.map(([task]) => task),
      tags: tags.map(([task]) => task),
      ...(keep.length > 0 && { kept: keep }),
    })
  },
})

/** Places of columns among a row's cells. */
interface Columns {
  readonly token: number
  readonly tags: ReadonlyArray<readonly [task: string, at: number]>
}

const columnsOf = (
  source: Source.Located,
  token: number,
  tags: ReadonlyArray<readonly [task: string, column: number]>,
  width: number,
): Columns => {
  const words = place(source, "token", token, width)
  const places = tags.map(([task, column]) => {
    const at = place(source, task, column, width)
    if (at !== words) return [task, at] as const
    throw new PipelineInvalid({
      where: source.written,
      expected: `another column for task ${JSON.stringify(task)} than for the tokens`,
      got: `column ${column} for both`,
      advice: "0 is the first column, -1 the last.",
    })
  })
  return { token: words, tags: places }
}

const draft = (
  source: Source.Located,
  { comments, rows }: Sentence,
  columns: Columns,
  labels: ReadonlyArray<readonly [task: string, key: string]>,
  id: string | undefined,
  keep: ReadonlyArray<string>,
): Draft.Draft => ({
  place: rows[0]!.line,
  placeOfTag: (at) => rows[at]!.line,
  ...(id !== undefined && { id: comments.get(id) ?? "" }),
  tokens: rows.map(({ cells }) => cells[columns.token]!),
  labels: Object.fromEntries(
    labels.flatMap(([task, key]) => {
      const label = comments.get(key) ?? ""
      return label === "" || label === "_" ? [] : [[task, label]]
    }),
  ),
  ...(keep.length > 0 && {
    kept: Object.fromEntries(
      keep.flatMap((key) => {
        const value = comments.get(key) ?? ""
        return value === "" ? [] : [[key, value]]
      }),
    ),
  }),
  tags: Object.fromEntries(
    columns.tags.flatMap(([task, at]) => {
      const sequence = tagsOf(source, task, rows, at)
      return sequence === undefined ? [] : [[task, sequence]]
    }),
  ),
})

/** Sentences with at least one token, many at a time. */
async function* parse(source: Source.Located, token: number): AsyncGenerator<ReadonlyArray<Sentence>, void, void> {
  let comments = new Map<string, string>()
  let rows: Array<Token> = []
  let width: number | undefined
  let sentences: Array<Sentence> = []
  const end = () => {
    if (rows.length === 0) return
    sentences.push({ comments, rows })
    comments = new Map()
    rows = []
  }
  for await (const lines of SourceText.lines(source)) {
    for (const { line, text } of lines) {
      if (text.trim() === "") {
        end()
        continue
      }
      if (rows.length === 0 && /^#(?: |$)/u.test(text)) {
        const [, key, value] = /^# *([^=]*?) *=(.*)$/u.exec(text) ?? []
        if (key !== undefined && value !== undefined) comments.set(key, value.trim())
        continue
      }
      const cells = text.includes("\t") ? text.split("\t").map((cell) => cell.trim()) : text.trim().split(/\s+/u)
      if (cells[0] === "-DOCSTART-") continue
      // CoNLL-U numbers its tokens; ranges of them (1-2) and empty nodes (1.1) are no tokens of their own.
      if (token !== 0 && /^\d+[-.]\d+$/u.test(cells[0]!)) continue
      width ??= cells.length
      if (cells.length !== width) {
        throw new InvalidData({
          where: SourceText.at(source, line),
          expected: `${width} columns as in the lines before`,
          got: `${cells.length}`,
          advice: "Part columns by single tabs, or everywhere by spaces; leave a blank line between sentences.",
        })
      }
      if (cells.at(token) === "") {
        throw new InvalidData({ where: SourceText.at(source, line), expected: "a token", got: "none", advice: "" })
      }
      rows.push({ line, cells })
    }
    yield sentences
    sentences = []
  }
  end()
  yield sentences
}

/** A column numbered as by `Array.at`, as a place in a row's cells. */
const place = (source: Source.Located, name: string, column: number, width: number): number => {
  const at = column < 0 ? width + column : column
  if (at >= 0 && at < width) return at
  throw new InvalidData({
    where: source.written,
    expected: `a column ${column} (${name})`,
    got: `${width} columns`,
    advice: "0 is the first column, -1 the last.",
  })
}

/** A key that no sentence has is a misspelt one. */
const requireComments = (source: Source.Located, seen: ReadonlySet<string>, keys: ReadonlyArray<string>): void => {
  const missing = keys.find((key) => !seen.has(key))
  if (missing === undefined) return
  throw new InvalidData({
    where: source.written,
    expected: `comments ${JSON.stringify(`# ${missing} = …`)}`,
    got: "none",
    advice: seen.size === 0 ? "" : Problem.suggestion(missing, seen),
  })
}

const isEmpty = (cell: string): boolean => cell === "" || cell === "_"

/** A sentence's tags for one task: all of them or none. */
const tagsOf = (
  source: Source.Located,
  task: string,
  rows: ReadonlyArray<Token>,
  column: number,
): ReadonlyArray<string> | undefined => {
  if (rows.every(({ cells }) => isEmpty(cells[column]!))) return undefined
  const hole = rows.find(({ cells }) => isEmpty(cells[column]!))
  if (hole === undefined) return rows.map(({ cells }) => cells[column]!)
  throw new InvalidData({
    where: SourceText.at(source, hole.line),
    expected: `a tag for task ${JSON.stringify(task)}, which other tokens of the sentence have`,
    got: "none",
    advice: "Write O for a token outside any chunk.",
  })
}
