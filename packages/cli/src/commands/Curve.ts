/** `thaw curve`: the losses of recorded runs as a picture. */
import { mkdirSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { Journal } from "@thaw/core/Journal"
import type { Run } from "@thaw/core/Journal"
import { Effect } from "effect"
import { ArgumentsInvalid } from "../Errors.ts"
import * as Home from "../Home.ts"
import * as CurvePicture from "../render/CurvePicture.ts"
import * as Recorded from "../Recorded.ts"
import * as Services from "../Services.ts"

interface Given {
  readonly run: ReadonlyArray<string>
  readonly out: string
}

export const handle = Effect.fnUntraced(function* ({ run: wanted, out }: Given) {
  if (path.extname(out) !== ".svg") {
    const advice = "The picture is drawn as SVG."
    return yield* new ArgumentsInvalid({ where: "--out", expected: "a file that ends with .svg", got: out, advice })
  }
  const home = Home.of(process.cwd())
  const runs = yield* Effect.forEach(wanted, read).pipe(Effect.provide(Services.reading(home)))
  const several = new Set(runs.map(({ run }) => run.id)).size > 1
  const lines = runs.flatMap(({ run, lines: own }) =>
    own.map(({ name, ...points }) => ({ name: several ? `${run.id}, ${name}` : name, ...points })),
  )
  if (lines.length === 0) {
    return yield* new ArgumentsInvalid({
      where: wanted.map((id) => `run ${JSON.stringify(id)}`).join(", "),
      expected: "a run that trained",
      got: "one without updates",
      advice: "What was kept from an earlier run was trained there; thaw runs lists them.",
    })
  }
  const title = `Loss over updates of ${runs.map(({ run }) => `${run.pipeline}, run ${run.id}`).join("; ")}`
  yield* written(out, CurvePicture.draw(title, lines))
  process.stdout.write(`${out}\n`)
})

const written = (out: string, picture: string) =>
  Effect.try({
    try: () => {
      mkdirSync(path.dirname(path.resolve(out)), { recursive: true })
      writeFileSync(out, picture)
    },
    catch: (cause) =>
      new ArgumentsInvalid({
        where: "--out",
        expected: "a file that can be written",
        got: cause instanceof Error ? cause.message : String(cause),
        advice: "",
      }),
  })

interface Curve {
  readonly step: string
  readonly task: string
  readonly training: Array<CurvePicture.Point>
  readonly heldOut: Array<CurvePicture.Point>
}

/** The curves of a run, one for every task of every step that trained; names say only what tells them apart. */
const read = Effect.fnUntraced(function* (wanted: string) {
  const journal = yield* Journal
  const run: Run = yield* Recorded.run(wanted)
  const curves = new Map<string, Curve>()
  /** An evaluation is of the weights that the step's latest update gave. */
  const latest = new Map<string, number>()
  for (const { event } of yield* journal.events(run.id)) {
    if (event._tag !== "update" && event._tag !== "evaluated") continue
    const { step, task } = event
    const key = JSON.stringify([step, task])
    const curve = curves.get(key) ?? { step, task, training: [], heldOut: [] }
    if (event._tag === "update") {
      latest.set(step, event.update)
      curve.training.push({ update: event.update, loss: event.loss })
    } else {
      const [update, loss] = [latest.get(step), event.metrics["loss"]]
      if (update === undefined || loss === undefined || loss === null) continue
      curve.heldOut.push({ update, loss })
    }
    curves.set(key, curve)
  }
  const found = [...curves.values()]
  const [steps, tasks] = [new Set(found.map(({ step }) => step)), new Set(found.map(({ task }) => task))]
  return {
    run,
    lines: found.map(({ step, task, ...points }) => ({
      name: [...(steps.size > 1 ? [step] : []), ...(tasks.size > 1 || steps.size === 1 ? [task] : [])].join(", "),
      ...points,
    })),
  }
})
