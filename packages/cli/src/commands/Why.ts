/** `thaw why`: what decides a step's result, now and when it last ran, and what of it changed. */
import type * as ContentKey from "@thaw/core/ContentKey"
import * as Dag from "@thaw/core/Dag"
import type { PipelineInvalid } from "@thaw/core/Errors"
import { Journal } from "@thaw/core/Journal"
import * as Plan from "@thaw/core/Plan"
import * as Resolve from "@thaw/core/Resolve"
import * as Source from "@thaw/core/Source"
import { Effect, Layer } from "effect"
import * as Arguments from "../Arguments.ts"
import * as Home from "../Home.ts"
import * as PipelineFile from "../PipelineFile.ts"
import * as Planning from "../Planning.ts"
import * as Ansi from "../render/Ansi.ts"
import * as Figures from "../render/Figures.ts"
import * as Table from "../render/Table.ts"
import * as Services from "../Services.ts"

export interface Given extends Arguments.Given {
  readonly file: string
  readonly step: string
}

export const handle = Effect.fnUntraced(function* (given: Given) {
  const told = yield* Arguments.make(given)
  const loaded = yield* PipelineFile.load(given.file)
  const { dag, setting } = yield* Planning.prepare(loaded, told)
  const node = yield* Effect.try({
    try: () => Dag.find(dag, given.step),
    catch: (cause) => cause as PipelineInvalid,
  })
  const services = Services.runner(told).pipe(
    Layer.provide(Services.silent),
    Layer.merge(Services.reading(Home.of(loaded.folder))),
  )
  const lines = yield* explain(dag, node, setting).pipe(Effect.provide(services))
  process.stdout.write(`${lines.join("\n")}\n`)
})

const explain = Effect.fnUntraced(function* (dag: Dag.Dag, node: Dag.Node, setting: Plan.Setting) {
  const palette = Ansi.paletteOf(process.stdout)
  const journal = yield* Journal
  const plan = yield* Plan.make(dag, setting)
  const decision = plan.decisions.get(node)!
  const before = yield* journal.lastStepRun(setting.pipeline, node.label)
  const { now, assumed } =
    decision._tag === "Wait"
      ? yield* supposed(node, plan, setting)
      : { now: decision._tag === "Run" ? decision.ingredients : decision.result.ingredients, assumed: [] }
  const verdict =
    decision._tag === "Reuse"
      ? `${palette.good("is kept")}: ${Plan.why(decision)}`
      : decision._tag === "Run"
        ? `${palette.accent("runs")}: ${decision.why}`
        : `${palette.warn("perhaps runs")}: ${decision.why}`
  const last =
    before === undefined
      ? "never ran in this pipeline"
      : `last ${before.cached ? "taken from the store" : `ran for ${Figures.seconds(before.seconds)}`} in run ${before.run}, ${Figures.moment(before.finishedAt)}`
  return [
    `${palette.bold(node.label)} ${verdict}`,
    palette.dim(last),
    ...(now === undefined ? [] : ["", ...compared(before?.ingredients, now, palette)]),
    ...(assumed.length === 0
      ? []
      : [
          "",
          palette.dim(
            `supposing that ${assumed.join(", ")} ${assumed.length === 1 ? "gives" : "give"} the same as last time`,
          ),
        ]),
  ]
})

/** Ingredients of a step that waits, as they will be if the steps it waits for give what they gave last time. */
const supposed = Effect.fnUntraced(function* (node: Dag.Node, plan: Plan.Plan, setting: Plan.Setting) {
  const journal = yield* Journal
  const results = new Map<Dag.Node, Resolve.References>()
  const assumed: Array<string> = []
  for (const { from } of node.needs) {
    const decision = plan.decisions.get(from)!
    if (decision._tag === "Reuse") results.set(from, decision.result.outputs)
    else {
      const before = yield* journal.lastStepRun(setting.pipeline, from.label)
      if (before === undefined) return { now: undefined, assumed: [] }
      results.set(from, before.outputs)
      if (!assumed.includes(from.label)) assumed.push(from.label)
    }
  }
  return { now: yield* Resolve.ingredients(node, results, setting), assumed }
})

/** A row per ingredient; what changed is marked. */
const compared = (
  before: ContentKey.Ingredients | undefined,
  now: ContentKey.Ingredients,
  palette: Ansi.Palette,
): ReadonlyArray<string> => {
  const then = before === undefined ? {} : rows(before)
  const present = rows(now)
  const names = [...new Set([...Object.keys(present), ...Object.keys(then)])]
  return Table.lines(
    [{ title: "" }, { title: "what decides it" }, { title: "then" }, { title: "now" }],
    names.map((name) => {
      const same = then[name] === present[name]
      return [
        same || before === undefined ? " " : palette.warn("≠"),
        name,
        before === undefined ? palette.dim("–") : (then[name] ?? palette.dim("–")),
        same ? palette.dim("same") : (present[name] ?? palette.dim("–")),
      ]
    }),
    palette,
  )
}

/** Hashes are told by their beginning: enough to see that two differ. */
const rows = (ingredients: ContentKey.Ingredients): Record<string, string> => ({
  version: ingredients.version,
  ...prefixed("parameter", ingredients.parameters, (value) => brief(JSON.stringify(value))),
  ...prefixed("source", ingredients.sources, (source) => (Source.isPinned(source) ? source : source.slice(0, 12))),
  ...prefixed("input", ingredients.inputs, (hash) => hash.slice(0, 12)),
  ...prefixed("seed", ingredients.seeds, ({ value }) => String(value)),
  ...prefixed("environment", ingredients.environment, (text) =>
    /^[0-9a-f]{32,}$/.test(text) ? text.slice(0, 12) : brief(text),
  ),
})

const prefixed = <A>(
  prefix: string,
  values: Readonly<Record<string, A>>,
  show: (value: A) => string,
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [`${prefix} ${name}`, Ansi.tame(show(value))]),
  )

const brief = (text: string): string => (text.length > 48 ? `${text.slice(0, 47)}…` : text)
