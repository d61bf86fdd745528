/** `thaw plan`: what would run, and why; what would train, phase by phase. */
import * as Plan from "@thaw/core/Plan"
import { Effect, Layer } from "effect"
import * as Arguments from "../Arguments.ts"
import * as Execution from "../Execution.ts"
import * as Home from "../Home.ts"
import * as PipelineFile from "../PipelineFile.ts"
import * as Planning from "../Planning.ts"
import * as Ansi from "../render/Ansi.ts"
import * as Figures from "../render/Figures.ts"
import * as Json from "../render/Json.ts"
import * as Table from "../render/Table.ts"
import * as TimelineText from "../render/TimelineText.ts"
import * as Services from "../Services.ts"

export interface Given extends Arguments.Given {
  readonly file: string
  readonly json: boolean
}

export const handle = (given: Given) => (given.json ? asEvents(given) : asTable(given))

const make = Effect.fnUntraced(function* (given: Given) {
  const told = yield* Arguments.make(given)
  const loaded = yield* PipelineFile.load(given.file)
  const { dag, setting } = yield* Planning.prepare(loaded, told)
  const services = Services.runner(told).pipe(
    Layer.provide(Services.silent),
    Layer.merge(Services.reading(Home.of(loaded.folder))),
  )
  const Timeline = yield* Effect.promise(() => import("@thaw/steps/Timeline"))
  const Facts = yield* Effect.promise(() => import("@thaw/steps/timeline/Facts"))
  return yield* Effect.gen(function* () {
    const plan = yield* Plan.make(dag, setting)
    const timeline = Timeline.of(dag, yield* Facts.kept(plan, Timeline.wantsFacts))
    return { dag, setting, plan, timeline }
  }).pipe(Effect.provide(services))
})

const asEvents = Effect.fnUntraced(function* (given: Given) {
  const renderer = yield* Json.make(process.stdout)
  const { plan, timeline } = yield* make(given).pipe(Effect.tapError((error) => renderer.show(Execution.failed(error))))
  yield* renderer.show({ _tag: "planned", steps: Planning.steps(plan) })
  if (timeline.phases.length > 0) process.stdout.write(`${JSON.stringify({ event: "timeline", ...timeline })}\n`)
}, Effect.scoped)

const asTable = Effect.fnUntraced(function* (given: Given) {
  const { dag, setting, plan, timeline } = yield* make(given)
  const palette = Ansi.paletteOf(process.stdout)
  const steps = Planning.steps(plan)
  const table = Table.lines(
    [{ title: "step" }, { title: "runs?" }, { title: "why" }],
    steps.map(({ step, cached, why }) => [
      step,
      cached === true ? palette.good("kept") : cached === false ? palette.accent("runs") : palette.warn("perhaps"),
      why,
    ]),
    palette,
  )
  const amount = (wanted: boolean | null) => steps.filter(({ cached }) => cached === wanted).length
  const parts = [
    `${amount(true)} kept`,
    `${amount(false)} to run`,
    ...(amount(null) > 0 ? [`${amount(null)} to be decided by what earlier steps give`] : []),
  ]
  process.stdout.write(
    [
      "",
      `${palette.bold(dag.pipeline.name)}  ${palette.dim(`seed ${setting.seed}`)}`,
      "",
      ...table.map((line) => `  ${line}`),
      "",
      `${Figures.several(steps.length, "step")}: ${parts.join(", ")}`,
      ...TimelineText.lines(timeline, palette, (process.stdout.columns ?? 120) - 2).map((line) =>
        `  ${line}`.trimEnd(),
      ),
      "",
    ].join("\n"),
  )
})
