/**
 * Features: what an encoder makes of a dataset, as Arrow tables beside the labels.
 *
 * ```
 * id, origin         as in the dataset
 * task.<task>        labels, as in the dataset; tags are left out, since an example has one vector
 * features.<group>   FixedSizeList<Float32>[hidden]
 * ```
 *
 * The schema's metadata say which encoder made them and how it pooled. `TrainFeatures` come from `TrainExamples` and
 * `HeldOutFeatures` from `HeldOutExamples`, and nothing turns one into the other.
 */
import * as Artifact from "@thaw/core/Artifact"
import type * as Dataset from "@thaw/core/Dataset"
import { ArtifactBroken, InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as FeatureModel from "@thaw/models/FeatureModel"
import type * as Group from "@thaw/models/Group"
import * as Arrow from "apache-arrow"
import { Effect } from "effect"

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

const kept = new Set(["id", "origin", "label"])

/** The dataset's ids and labels with these vectors; still of the dataset's part. */
export const make = (
  { table }: Dataset.Dataset,
  origin: Origin,
  vectors: Readonly<Record<Group.Group, Matrix>>,
): Features => {
  const columns = Object.entries(vectors).map(([group, { examples, hidden, data }]) => {
    const item = new Arrow.Field("item", new Arrow.Float32(), false)
    const type = new Arrow.FixedSizeList(hidden, item)
    const child = Arrow.makeData({ type: item.type, length: data.length, nullCount: 0, data })
    return {
      field: new Arrow.Field(FeatureModel.outputOf(group), type, false),
      data: Arrow.makeData({ type, length: examples, nullCount: 0, child }),
    }
  })
  const labels = table.schema.fields.filter((field) => kept.has(field.metadata.get("thaw.role") ?? ""))
  const fields = [...labels, ...columns.map(({ field }) => field as Arrow.Field)]
  const schema = new Arrow.Schema(
    fields,
    new Map([
      [keys.encoder, origin.encoder],
      [keys.pooling, origin.pooling],
    ]),
  )
  const struct = Arrow.makeData({
    type: new Arrow.Struct(fields),
    length: table.numRows,
    nullCount: 0,
    children: [
      ...labels.map(({ name }) => whole(table.getChild(name)!)),
      ...columns.map(({ data }) => data as Arrow.Data),
    ],
  })
  return { table: new Arrow.Table(schema, new Arrow.RecordBatch(schema, struct)) }
}

/** A column in one piece, as datasets and features are written. */
const whole = (column: Arrow.Vector): Arrow.Data => {
  const [data] = column.data
  if (data === undefined || column.data.length > 1) {
    throw new ArtifactBroken({
      where: "features",
      expected: "a table of one record batch",
      got: String(column.data.length),
      advice: "",
    })
  }
  return data
}

export const originOf = ({ table: { schema } }: Features): Origin => ({
  encoder: schema.metadata.get(keys.encoder)!,
  // What was written is what is read: the artifact's hash was checked.
  pooling: schema.metadata.get(keys.pooling) as FeatureModel.Pooled,
})

/** Groups whose vectors there are, bottom to top. */
export const groupsOf = ({ table }: Features): ReadonlyArray<Group.Group> => {
  const prefix = FeatureModel.outputOf("")
  return table.schema.fields.flatMap(({ name }) => (name.startsWith(prefix) ? [name.slice(prefix.length)] : []))
}

/**
 * Vectors of one group. Fails when the features have none of it.
 *
 * @param where names the step, for messages
 */
export const matrix = (features: Features, group: Group.Group, where: string): Effect.Effect<Matrix, InvalidData> => {
  const column = features.table.getChild(FeatureModel.outputOf(group))
  const groups = groupsOf(features)
  if (column === null) {
    return Effect.fail(
      new InvalidData({
        where: `${where}, group`,
        expected: `a group that was encoded: ${Problem.list(groups)}`,
        got: JSON.stringify(group),
        advice: Problem.suggestion(group, groups),
      }),
    )
  }
  const list = whole(column)
  const { listSize: hidden } = list.type as Arrow.FixedSizeList
  const values = list.children[0]!.values as Float32Array
  return Effect.succeed({ examples: list.length, hidden, data: values.subarray(0, list.length * hidden) })
}

/** The vector of one example. */
export const vector = ({ hidden, data }: Matrix, example: number): Float32Array =>
  data.subarray(example * hidden, (example + 1) * hidden)

const notFeatures = (got: string) =>
  new ArtifactBroken({ where: "data.arrow", expected: "an Arrow IPC file of features", got, advice: "" })

const kind = <F extends Features>(part: string): Artifact.Kind<F> =>
  Artifact.make<F>({
    kind: `features/${part}`,
    write: ({ table }) => Effect.sync(() => new Map([["data.arrow", Artifact.bytes(Arrow.tableToIPC(table, "file"))]])),
    read: (files) =>
      Artifact.readBytes(files, "data.arrow").pipe(
        Effect.flatMap((content) =>
          Effect.try({ try: () => Arrow.tableFromIPC(content), catch: (cause) => notFeatures(String(cause)) }),
        ),
        Effect.filterOrFail(
          (table) =>
            groupsOf({ table }).length > 0 && Object.values(keys).every((key) => table.schema.metadata.has(key)),
          (table) => notFeatures(`columns ${Problem.list(table.schema.fields.map(({ name }) => name)) || "none"}`),
        ),
        // The kind under which the files are kept says which part of the data they are.
        Effect.map((table) => ({ table }) as unknown as F),
      ),
  })

/** Of training examples: a classifier may be fitted on them, never evaluated. */
export const TrainFeatures: Artifact.Kind<TrainFeatures> = kind("train")
/** Of held-out examples: a classifier may be evaluated on them, never fitted. */
export const HeldOutFeatures: Artifact.Kind<HeldOutFeatures> = kind("heldOut")
