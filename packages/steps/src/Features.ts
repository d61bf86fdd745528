/**
 * Features: what an encoder makes of a dataset, as Arrow tables beside the labels.
 *
 * ```
 * id, origin         as in the dataset
 * task.<task>        labels, as in the dataset; tags are left out, since an example has one vector
 * textKey            Uint64, hash of the normalised text
 * features.<group>   FixedSizeList<Float32>[hidden]
 * ```
 *
 * The schema's metadata say which encoder made them and how it pooled. `TrainFeatures` come from `TrainExamples` and
 * `HeldOutFeatures` from `HeldOutExamples`, and nothing turns one into the other.
 */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { ArtifactBroken, InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as FeatureModel from "@thaw/models/FeatureModel"
import type * as Group from "@thaw/models/Group"
import * as Arrow from "apache-arrow"
import { Effect } from "effect"
import * as NormalisedText from "./NormalisedText.ts"

declare const Part: unique symbol

export interface Features extends Dataset.Dataset {}
export interface TrainFeatures extends Features {
  readonly [Part]: "train"
}
export interface HeldOutFeatures extends Features {
  readonly [Part]: "heldOut"
}

/** What two sets of features must have in common to be compared. */
export interface Origin {
  /** SHA-256 of the encoder's config, tokenizer and weights. */
  readonly encoder: string
  readonly pooling: FeatureModel.Pooled
}

/** Vectors of all examples, one after the other: [examples, hidden]. */
export interface Matrix {
  readonly examples: number
  readonly hidden: number
  readonly data: Float32Array
}

const keys = { encoder: "thaw.encoder", pooling: "thaw.pooling" } as const

/** Named otherwise than a column of texts, which readers of examples would take it for. */
const textColumn = "textKey"

const kept = new Set(["id", "origin", "label"])

/** The dataset's ids and labels with these vectors; still of the dataset's part. */
export const make = (
  dataset: Dataset.Dataset,
  origin: Origin,
  vectors: Readonly<Record<Group.Group, Matrix>>,
): Features => {
  const columns = Object.entries(vectors).map(([group, { hidden, data }]) => {
    const item = new Arrow.Field("item", new Arrow.Float32(), false)
    const type = new Arrow.FixedSizeList(hidden, item)
    return {
      field: new Arrow.Field(FeatureModel.outputOf(group), type, false),
      part: (from: number, to: number): Arrow.Data => {
        const values = data.subarray(from * hidden, to * hidden)
        const child = Arrow.makeData({ type: item.type, length: values.length, nullCount: 0, data: values })
        return Arrow.makeData({ type, length: to - from, nullCount: 0, child })
      },
    }
  })
  const { schema: given, size, recordBatches } = dataset
  const texts = new BigUint64Array(size)
  let place = 0
  for (const row of Dataset.rowsOf(dataset)) texts[place++] = NormalisedText.key(row)
  const text = {
    field: new Arrow.Field(textColumn, new Arrow.Uint64(), false),
    part: (from: number, to: number): Arrow.Data =>
      Arrow.makeData({ type: new Arrow.Uint64(), length: to - from, nullCount: 0, data: texts.subarray(from, to) }),
  }
  const made = [text, ...columns]
  const labels = given.fields.flatMap((field, at) =>
    kept.has(field.metadata.get("thaw.role") ?? "") ? [{ field, at }] : [],
  )
  const fields = [...labels.map(({ field }) => field), ...made.map(({ field }) => field as Arrow.Field)]
  const schema = new Arrow.Schema(
    fields,
    new Map([
      [keys.encoder, origin.encoder],
      [keys.pooling, origin.pooling],
    ]),
  )
  let from = 0
  const batches = Array.from(recordBatches, ({ numRows, data }) => {
    const to = from + numRows
    const children = [...labels.map(({ at }) => data.children[at]!), ...made.map(({ part }) => part(from, to))]
    from = to
    const type = new Arrow.Struct(fields)
    return new Arrow.RecordBatch(schema, Arrow.makeData({ type, length: numRows, nullCount: 0, children }))
  })
  return { schema, size, recordBatches: batches }
}

export const originOf = ({ schema }: Pick<Features, "schema">): Origin => ({
  encoder: schema.metadata.get(keys.encoder)!,
  // What was written is what is read: the artifact's hash was checked.
  pooling: schema.metadata.get(keys.pooling) as FeatureModel.Pooled,
})

/** Groups whose vectors there are, bottom to top. */
export const groupsOf = ({ schema }: Pick<Features, "schema">): ReadonlyArray<Group.Group> => {
  const prefix = FeatureModel.outputOf("")
  return schema.fields.flatMap(({ name }) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
}

/**
 * Vectors of one group. Fails when the features have none of it.
 *
 * @param where names the step, for messages
 */
export const matrix = (features: Features, group: Group.Group, where: string): Effect.Effect<Matrix, InvalidData> => {
  const name = FeatureModel.outputOf(group)
  const at = features.schema.fields.findIndex((field) => field.name === name)
  const groups = groupsOf(features)
  if (at < 0) {
    return Effect.fail(
      new InvalidData({
        where: `${where}, group`,
        expected: `a group that was encoded: ${Problem.list(groups)}`,
        got: JSON.stringify(group),
        advice: Problem.suggestion(group, groups),
      }),
    )
  }
  const { listSize: hidden } = features.schema.fields[at]!.type as Arrow.FixedSizeList
  const parts = Array.from(features.recordBatches, ({ data }) => {
    const { length, children } = data.children[at]!
    return (children[0]!.values as Float32Array).subarray(0, length * hidden)
  })
  const [first] = parts
  if (parts.length === 1) return Effect.succeed({ examples: features.size, hidden, data: first! })
  const whole = new Float32Array(features.size * hidden)
  parts.reduce((from, part) => (whole.set(part, from), from + part.length), 0)
  return Effect.succeed({ examples: features.size, hidden, data: whole })
}

/** Hashes of the examples' normalised texts, as `NormalisedText.key` gives them; undefined where the features have none. */
export const textsOf = ({ schema, size, recordBatches }: Features): BigUint64Array | undefined => {
  const at = schema.fields.findIndex(({ name }) => name === textColumn)
  if (at < 0) return undefined
  const texts = new BigUint64Array(size)
  let from = 0
  for (const { data } of recordBatches) {
    const { length, values } = data.children[at]!
    texts.set((values as BigUint64Array).subarray(0, length), from)
    from += length
  }
  return texts
}

/** The vector of one example. */
export const vector = ({ hidden, data }: Matrix, example: number): Float32Array =>
  data.subarray(example * hidden, (example + 1) * hidden)

const notFeatures = (got: string) =>
  new ArtifactBroken({ where: "data.arrow", expected: "an Arrow IPC file of features", got, advice: "" })

const kind = <F extends Features>(part: string): Artifact.Kind<F> =>
  Artifact.make<F>({
    kind: `features/${part}`,
    write: ({ schema, recordBatches }) =>
      Effect.sync(() => {
        const table = new Arrow.Table(schema, [...recordBatches])
        return new Map([["data.arrow", Artifact.bytes(Arrow.tableToIPC(table, "file"))]])
      }),
    read: (files) =>
      Artifact.readBytes(files, "data.arrow").pipe(
        Effect.flatMap((content) =>
          Effect.try({ try: () => Arrow.tableFromIPC(content), catch: (cause) => notFeatures(String(cause)) }),
        ),
        Effect.filterOrFail(
          (table) => groupsOf(table).length > 0 && Object.values(keys).every((key) => table.schema.metadata.has(key)),
          (table) => notFeatures(`columns ${Problem.list(table.schema.fields.map(({ name }) => name)) || "none"}`),
        ),
        // The kind under which the files are kept says which part of the data they are.
        Effect.map(
          ({ schema, numRows, batches }) => ({ schema, size: numRows, recordBatches: batches }) as unknown as F,
        ),
      ),
  })

/** Of training examples: a classifier may be fitted on them, never evaluated. */
export const TrainFeatures: Artifact.Kind<TrainFeatures> = kind("train")
/** Of held-out examples: a classifier may be evaluated on them, never fitted. */
export const HeldOutFeatures: Artifact.Kind<HeldOutFeatures> = kind("heldOut")
