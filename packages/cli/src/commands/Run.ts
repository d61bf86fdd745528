/** `thaw run`: a pipeline from its file to its outputs, and what to do next. */
import * as path from "node:path"
import { Effect } from "effect"
import * as Arguments from "../Arguments.ts"
import * as Execution from "../Execution.ts"
import * as Home from "../Home.ts"
import * as Outputs from "../Outputs.ts"
import * as PipelineFile from "../PipelineFile.ts"
import * as Planning from "../Planning.ts"
import * as Ansi from "../render/Ansi.ts"
import * as AugmentationText from "../render/AugmentationText.ts"
import * as BalanceText from "../render/BalanceText.ts"
import { choose } from "../render/Choose.ts"
import * as CleaningText from "../render/CleaningText.ts"
import * as Figures from "../render/Figures.ts"
import * as ForgettingText from "../render/ForgettingText.ts"
import type { Renderer } from "../render/Renderer.ts"
import * as PhasesText from "../render/PhasesText.ts"
import * as ScoresText from "../render/ScoresText.ts"
import * as Table from "../render/Table.ts"
import * as Services from "../Services.ts"
import * as Stopping from "../Stopping.ts"

export interface Given extends Arguments.Given {
  readonly file: string
  readonly json: boolean
}

export const handle = Effect.fnUntraced(function* (given: Given) {
  const make = yield* Effect.promise(() => choose(given.json, process.stdout))
  const renderer = yield* make(process.stdout)
  let begun = false
  yield* Effect.gen(function* () {
    const told = yield* Arguments.make(given)
    const loaded = yield* PipelineFile.load(given.file)
    const prepared = yield* Planning.prepare(loaded, told)
    const home = Home.of(loaded.folder)
    yield* Effect.gen(function* () {
      begun = true
      const watched = yield* Stopping.watch(renderer)
      const finished = yield* Execution.execute(
        { loaded, prepared, given: told, home, place: Outputs.linked(home) },
        watched.renderer,
      ).pipe(Effect.onInterrupt(() => renderer.say(watched.farewell(asGiven()))))
      yield* renderer.say(summary(finished, renderer))
    }).pipe(Effect.provide(Services.layer(home)))
  }).pipe(
    // From the run's beginning on, the stream's last words are the run's own.
    Effect.tapError((error) => (begun ? Effect.void : renderer.show(Execution.failed(error)))),
  )
}, Effect.scoped)

/** Output kinds that `thaw predict` answers from. */
const predictable: ReadonlySet<string> = new Set(["checkpoint"])

const summary = (finished: Execution.Finished, { palette, columns }: Renderer): ReadonlyArray<string> => {
  const cleaned = Object.values(finished.cleaning).flatMap((report) => [
    "",
    ...CleaningText.lines(report, palette, columns),
  ])
  const augmented = Object.entries(finished.augmentation).flatMap(([output, report]) => [
    "",
    ...AugmentationText.lines(output, report, palette, columns),
  ])
  const shown = Object.entries(finished.scores).flatMap(([output, scores]) => [
    "",
    palette.bold(output),
    ...ScoresText.lines(scores, palette, columns).slice(1),
  ])
  const said = Object.entries(finished.summaries).flatMap(([output, text]) => [
    "",
    palette.bold(output),
    ...text
      .trimEnd()
      .split("\n")
      .map((line) => Ansi.cut(line === "" ? "" : `  ${Ansi.tame(line)}`, columns)),
  ])
  const outputs = Object.entries(finished.outputs)
  const saved = Table.lines(
    [{ title: "" }, { title: "" }, { title: "" }],
    outputs.map(([name, { kind, path: place }]) => [name, palette.dim(kind), nearby(place)]),
    palette,
  )
  const model = outputs.find(([, { kind }]) => predictable.has(kind))
  const all = [...finished.outcomes.values()]
  const kept = all.filter(({ cached }) => cached).length
  const what =
    kept === all.length
      ? "nothing had changed"
      : kept === 0
        ? `all ${all.length} steps ran`
        : `${kept} of ${all.length} steps were kept`
  const phases = PhasesText.lines(finished.phases, palette, columns - 2)
  return [
    ...cleaned,
    ...augmented,
    ...shown,
    ...said,
    ...(phases.length === 0 ? [] : ["", palette.bold("trained"), ...phases.map((line) => `  ${line}`)]),
    ...finished.phases.flatMap((phase) => BalanceText.lines(phase, palette, columns)),
    ...Object.entries(finished.forgetting).flatMap(([label, table]) => [
      "",
      `${palette.bold("after each phase")}  ${palette.dim(`validation, ${label} the last`)}`,
      ...ForgettingText.lines(table, palette, columns - 2).map((line) => `  ${line}`),
    ]),
    "",
    palette.bold("saved"),
    ...saved.map((line) => `  ${line}`),
    ...(model === undefined
      ? []
      : ["", `${palette.dim("try")}   thaw predict ${quoted(nearby(model[1].path))} --text "…"`]),
    "",
    `${palette.good("done")} in ${Figures.seconds(finished.seconds)}, ${what}`,
  ]
}

/** Relative where that is shorter to read. */
const nearby = (place: string): string => {
  const relative = path.relative(process.cwd(), place)
  return relative.startsWith("..") ? place : relative
}

/** The command as it was called. */
const asGiven = (): string => ["thaw", ...process.argv.slice(2)].map(quoted).join(" ")

/** As a shell takes it. */
const quoted = (text: string): string => (/^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
