/**
 * Ways of training compared over seeds: of every task the mean of a metric, and how far it lies from that of the first way,
 * each with the 95 % interval of Student's t over the seeds. Differences are taken seed by seed, so what a seed brings
 * alike to all ways, such as the rows it drew, does not blur them.
 */
import * as Artifact from "@thaw/core/Artifact"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Step from "@thaw/core/Step"
import type { Wire } from "@thaw/core/Wire"
import * as Scores from "@thaw/steps/Scores"
import { Effect, Schema } from "effect"
import * as StudentT from "./StudentT.ts"

const confidence = 0.95

const Spread = Schema.Struct({
  mean: Schema.Number,
  /** Half of the interval; null with one seed, which says nothing of the spread. */
  halfWidth: Schema.NullOr(Schema.Number),
})
type Spread = typeof Spread.Type

const Task = Schema.Struct({
  task: Schema.String,
  /** Held out, on which it is scored. */
  examples: Schema.Int,
  /** By seed. */
  values: Schema.Array(Schema.Number),
  ...Spread.fields,
  /** From the first way, by seed; null for that way itself. */
  difference: Schema.NullOr(Spread),
})
type Task = typeof Task.Type

const Comparison = Schema.Struct({
  metric: Schema.String,
  seeds: Schema.Array(Schema.Int),
  ways: Schema.Array(Schema.Struct({ way: Schema.String, tasks: Schema.Array(Task) })),
})
export type Comparison = typeof Comparison.Type

/** The mean and the half-width of its interval: t · s / √n, with n − 1 degrees of freedom. */
export const spread = (values: ReadonlyArray<number>): Spread => {
  const n = values.length
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  if (n < 2) return { mean, halfWidth: null }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
  return { mean, halfWidth: StudentT.quantile((1 + confidence) / 2, n - 1) * Math.sqrt(variance / n) }
}

/** `0.571 ± 0.012`, with a sign where it is a difference. */
const shown = ({ mean, halfWidth }: Spread, sign = ""): string =>
  `${mean >= 0 ? sign : "−"}${Math.abs(mean).toFixed(3)}${halfWidth === null ? "" : ` ± ${halfWidth.toFixed(3)}`}`

/** As a Markdown table whose columns line up, and a sentence that says how to read it. */
export const markdown = ({ metric, seeds, ways }: Comparison): string => {
  const [first] = ways
  const titles = ["", ...first!.tasks.flatMap(({ task }) => [`${task} ${metric}`, `against ${first!.way}`])]
  const rows = ways.map(({ way, tasks }) => [
    way,
    ...tasks.flatMap((task) => [shown(task), task.difference === null ? "" : shown(task.difference, "+")]),
  ])
  const widths = titles.map((title, at) =>
    Math.max(...[title, ...rows.map((row) => row[at]!)].map((cell) => cell.length)),
  )
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map((cell, at) => cell.padEnd(widths[at]!)).join(" | ")} |`
  const heldOut = first!.tasks.map(({ task, examples }) => `${task} on ${examples.toLocaleString("en-US")}`)
  const interval =
    seeds.length < 2
      ? "One seed: no interval."
      : `Means over ${seeds.length} seeds ± half of the 95 % interval (Student's t); differences seed by seed.`
  return [
    line(titles),
    line(widths.map((width) => "-".repeat(width))),
    ...rows.map(line),
    "",
    interval,
    `Held out: ${heldOut.join(", ")} examples.`,
    "",
  ].join("\n")
}

export const kind = Artifact.json("comparison", Comparison, markdown)

const nameOf = (way: string, seed: number): string => `${way}, seed ${seed}`

const compare = Step.make({
  name: "Comparison.make",
  version: "1",
  input: {
    /** By `<way>, seed <seed>`. */
    scores: Artifact.record(Scores.kind),
    ways: Schema.NonEmptyArray(Schema.String),
    seeds: Schema.NonEmptyArray(Schema.Int),
    tasks: Schema.NonEmptyArray(Schema.String),
    metric: Schema.String,
  },
  output: kind,
  run: Effect.fnUntraced(function* ({ scores, ways, seeds, tasks, metric }) {
    const scored = (way: string, seed: number, task: string) =>
      scores[nameOf(way, seed)]!.tasks.find((one) => one.task === task)
    const table: Array<Comparison["ways"][number]> = []
    for (const way of ways) {
      const own: Array<Task> = []
      for (const [at, task] of tasks.entries()) {
        const values: Array<number> = []
        for (const seed of seeds) {
          const metrics = scored(way, seed, task)?.metrics ?? {}
          if (!Object.hasOwn(metrics, metric)) {
            return yield* new InvalidData({
              where: `Comparison.make, ${nameOf(way, seed)}`,
              expected: `${JSON.stringify(metric)} of task ${JSON.stringify(task)}`,
              got: Problem.list(Object.keys(metrics)) || "no scores of it",
              advice: "",
            })
          }
          values.push(metrics[metric]!)
        }
        const base = table[0]?.tasks[at]?.values
        const difference = base === undefined ? null : spread(values.map((value, seed) => value - base[seed]!))
        const { examples } = scored(way, seeds[0], task)!
        own.push({ task, examples, values, ...spread(values), difference })
      }
      table.push({ way, tasks: own })
    }
    return { metric, seeds, ways: table }
  }),
})

/**
 * `Comparison.make({ scores: { plain: [a1, a2], other: [b1, b2] }, seeds: [1, 2], tasks: ["sentiment"], metric: "accuracy" })`:
 * scores of every way in the order of the seeds; the first way is what others are compared with.
 *
 * Fails where scores lack the task or the metric.
 */
export const make = ({
  scores,
  ...given
}: {
  readonly scores: Readonly<Record<string, ReadonlyArray<Wire<Scores.Scores>>>>
  readonly seeds: readonly [number, ...ReadonlyArray<number>]
  readonly tasks: readonly [string, ...ReadonlyArray<string>]
  readonly metric: string
}): Wire<Comparison> => {
  const ways = Object.keys(scores) as [string, ...Array<string>]
  // Steps run in this order: where a run is stopped, the trainings of whole seeds are done.
  const named = given.seeds.flatMap((seed, at) => ways.map((way) => [nameOf(way, seed), scores[way]![at]!] as const))
  return compare({ ...given, ways, scores: Object.fromEntries(named) })
}
