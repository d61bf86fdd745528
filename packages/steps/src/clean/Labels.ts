/** Labels of one task, renamed, merged or dropped; for token tasks the types of its entities. */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import * as Cleaning from "./Cleaning.ts"
import * as Tags from "./Tags.ts"

const Names = Schema.Array(Schema.String)

/**
 * `Clean.labels({ examples, task: "topic", rename: { bill: "billing" }, merge: { account: ["login", "password"] }, drop: ["spam"] })`.
 * An example whose label is dropped has none for the task; it is removed when it then has no label at all. For tags the
 * names are types, without `B-` and `I-`; a dropped type becomes `O`. A set of labels just has one less.
 *
 * Fails with `InvalidData` on a label that does not occur, with the nearest that do, and with `PipelineInvalid` on one
 * that is named twice, or renamed to one that there is: that would merge the two.
 */
export const labels = Cleaning.make({
  name: "Clean.labels",
  version: "1",
  input: {
    task: Schema.String,
    rename: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    /** The new label → those that it stands for. */
    merge: Schema.optionalKey(Schema.Record(Schema.String, Names)),
    drop: Schema.optionalKey(Names),
  },
  decide: Effect.fnUntraced(function* (given, examples, where) {
    const { task } = given
    const place = `${where}, task ${task}`
    yield* Dataset.requireTask(examples, task, place)
    const { tags, labelSets = [], scores = [] } = Dataset.tasksOf(examples)
    const inTags = tags.includes(task)
    if (scores.includes(task)) {
      const expected = "a task with labels"
      return yield* new PipelineInvalid({ where: place, expected, got: "one with scores", advice: "" })
    }
    const occurring = Dataset.labelsOf(examples, task)
    const known = inTags ? [...new Set(occurring.filter((tag) => tag !== "O").map(Tags.typeOf))].sort() : occurring
    const to = yield* mapOf(given, known, place)
    return inTags ? tagged(task, to) : labelSets.includes(task) ? inSets(task, to) : labelled(task, to)
  }),
})

interface Given {
  readonly rename?: Readonly<Record<string, string>>
  readonly merge?: Readonly<Record<string, ReadonlyArray<string>>>
  readonly drop?: ReadonlyArray<string>
}

/** Label → what becomes of it, undefined for nothing. What stays as it is is absent. */
type NewLabels = ReadonlyMap<string, string | undefined>

const mapOf = Effect.fnUntraced(function* (
  { rename = {}, merge = {}, drop = [] }: Given,
  known: ReadonlyArray<string>,
  where: string,
) {
  const pairs: ReadonlyArray<readonly [string, string | undefined]> = [
    ...Object.entries(rename),
    ...Object.entries(merge).flatMap(([label, all]) => all.map((each) => [each, label] as const)),
    ...drop.map((label) => [label, undefined] as const),
  ]
  const invalid = (expected: string, got: string, advice = "") => new PipelineInvalid({ where, expected, got, advice })
  if (pairs.length === 0) return yield* invalid("labels to rename, merge or drop", "none")
  const to = new Map<string, string | undefined>()
  for (const [label, other] of pairs) {
    if (!known.includes(label)) {
      return yield* new InvalidData({
        where,
        expected: "a label that occurs",
        got: JSON.stringify(label),
        advice: Problem.suggestion(label, known),
      })
    }
    if (to.has(label)) return yield* invalid("every label to be named once", `${JSON.stringify(label)} twice`)
    if (other !== undefined && other.trim() === "") {
      return yield* invalid(`a name for ${JSON.stringify(label)}`, JSON.stringify(other))
    }
    to.set(label, other)
  }
  // Swapping two names is no merge: what counts is who else ends with the name.
  const twin = Object.entries(rename).find(([label, other]) =>
    known.some((each) => each !== label && (to.has(each) ? to.get(each) : each) === other),
  )
  if (twin !== undefined) {
    return yield* invalid(
      `a name of its own for ${JSON.stringify(twin[0])}`,
      `${JSON.stringify(twin[1])}, which another label has`,
      `Write merge: { ${JSON.stringify(twin[1])}: [${JSON.stringify(twin[0])}] } to make them one.`,
    )
  }
  if (known.every((label) => to.has(label) && to.get(label) === undefined)) {
    return yield* invalid("a label to be left", `all ${known.length} dropped`)
  }
  return to
})

const change = (label: string, other: string | undefined): Cleaning.Change => ({
  why:
    other === undefined
      ? `lost the label ${JSON.stringify(label)}`
      : `${JSON.stringify(label)} → ${JSON.stringify(other)}`,
  what: () => (other === undefined ? "no label" : other),
})

/** Whether no task has anything from it. */
const isBare = ({ labels, tags, labelSets = {}, scores = {} }: Dataset.Example): boolean =>
  [labels, tags, labelSets, scores].every((byTask) => Object.keys(byTask).length === 0)

const labelled =
  (task: string, to: NewLabels): Cleaning.Decide =>
  (row) => {
    const label = Object.hasOwn(row.labels, task) ? row.labels[task]! : undefined
    if (label === undefined || !to.has(label)) return Cleaning.unchanged(row)
    const other = to.get(label)
    const { [task]: _, ...others } = row.labels
    if (other === undefined && isBare({ ...row, labels: others })) {
      return { removed: `without a label once ${JSON.stringify(label)} is dropped`, what: () => label }
    }
    return {
      row: { ...row, labels: other === undefined ? others : { ...row.labels, [task]: other } },
      changes: [change(label, other)],
    }
  }

const inSets =
  (task: string, to: NewLabels): Cleaning.Decide =>
  (row) => {
    const { labelSets = {} } = row
    const labels = Object.hasOwn(labelSets, task) ? labelSets[task]! : []
    const touched = labels.filter((label) => to.has(label))
    if (touched.length === 0) return Cleaning.unchanged(row)
    const left = labels.flatMap((label) => (to.has(label) ? (to.get(label) ?? []) : label))
    return {
      row: { ...row, labelSets: { ...labelSets, [task]: [...new Set(left)] } },
      changes: touched.map((label) => change(label, to.get(label))),
    }
  }

const tagged =
  (task: string, to: NewLabels): Cleaning.Decide =>
  (row) => {
    const tags = Object.hasOwn(row.tags, task) ? row.tags[task]! : []
    const types = [...new Set(tags.map(Tags.typeOf))].filter((type) => to.has(type))
    if (types.length === 0) return Cleaning.unchanged(row)
    const renamed = tags.map((tag) => {
      const type = Tags.typeOf(tag)
      return to.has(type) ? Tags.withType(tag, to.get(type)) : tag
    })
    return {
      row: { ...row, tags: { ...row.tags, [task]: renamed } },
      changes: types.map((type) => change(type, to.get(type))),
    }
  }
