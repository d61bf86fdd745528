/** `thaw runs`: the project's runs, newest first. */
import { Journal } from "@thaw/core/Journal"
import { Effect } from "effect"
import { ArgumentsInvalid } from "../Errors.ts"
import * as Home from "../Home.ts"
import * as Ansi from "../render/Ansi.ts"
import * as Figures from "../render/Figures.ts"
import * as ScoresText from "../render/ScoresText.ts"
import * as Table from "../render/Table.ts"
import * as Services from "../Services.ts"

export const handle = Effect.fnUntraced(function* ({ most }: { readonly most: number }) {
  if (most < 1) {
    return yield* new ArgumentsInvalid({
      where: "--most",
      expected: "an integer from 1",
      got: String(most),
      advice: "",
    })
  }
  const home = Home.of(process.cwd())
  const runs = yield* Effect.flatMap(Journal, (journal) => journal.runs(most)).pipe(
    Effect.provide(Services.reading(home)),
  )
  const palette = Ansi.paletteOf(process.stdout)
  if (runs.length === 0) {
    process.stdout.write(`no runs in ${home} yet\n`)
    return
  }
  const inks = { done: palette.good, failed: palette.bad, interrupted: palette.warn, running: palette.accent }
  const table = Table.lines(
    [
      { title: "run" },
      { title: "when" },
      { title: "pipeline" },
      { title: "status" },
      { title: "took", align: "right" },
      { title: "scores" },
    ],
    runs.map((run) => [
      run.id,
      Figures.moment(run.startedAt),
      run.pipeline,
      inks[run.status](run.status),
      run.finishedAt === undefined
        ? ""
        : Figures.seconds((Date.parse(run.finishedAt) - Date.parse(run.startedAt)) / 1000),
      ScoresText.brief(run.metrics),
    ]),
    palette,
  )
  process.stdout.write(`${table.join("\n")}\n`)
})
