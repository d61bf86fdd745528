/** `thaw predict`: every task's answer for some texts, in one pass over the encoder. */
import { existsSync, readdirSync, statSync } from "node:fs"
import * as path from "node:path"
import * as Problem from "@thaw/core/Problem"
import { Effect, Layer } from "effect"
import { ArgumentsInvalid } from "../Errors.ts"
import * as Ansi from "../render/Ansi.ts"
import * as AnswersText from "../render/AnswersText.ts"
import * as Services from "../Services.ts"

export interface Given {
  readonly folder: string
  readonly text: ReadonlyArray<string>
  readonly json: boolean
}

export const handle = Effect.fnUntraced(function* ({ folder, text, json }: Given) {
  yield* check(folder)
  const Predict = yield* Effect.promise(() => import("@thaw/steps/Predict"))
  const answers = yield* Predict.texts({ folder, texts: text }).pipe(
    Effect.provide(Services.local.pipe(Layer.provide(Services.silent))),
  )
  const palette = Ansi.paletteOf(process.stdout)
  const lines = json
    ? answers.map((answer) => JSON.stringify(answer))
    : answers.flatMap((answer) => ["", ...AnswersText.lines(answer, palette)])
  process.stdout.write(`${lines.join("\n")}\n`)
})

/** The argument, before anything is loaded for it. */
const check = (folder: string): Effect.Effect<void, ArgumentsInvalid> => {
  const refused = (got: string, advice: string) =>
    Effect.fail(
      new ArgumentsInvalid({
        where: folder,
        expected: "a folder that answers: a checkpoint or an export",
        got,
        advice,
      }),
    )
  const entry = statSync(folder, { throwIfNoEntry: false })
  if (entry === undefined) {
    const near = Problem.nearest(path.basename(folder), siblings(path.resolve(folder, "..")))
    return refused("nothing there", near.length > 0 ? `Did you mean ${Problem.list(near)}?` : savedBy)
  }
  if (!entry.isDirectory()) return refused("a file", savedBy)
  if (["config.json", "all-heads.onnx"].some((name) => existsSync(path.join(folder, name)))) return Effect.void
  return refused("a folder without config.json or all-heads.onnx", savedBy)
}

const savedBy = "thaw run says where it saved one."

const siblings = (folder: string): ReadonlyArray<string> => (existsSync(folder) ? readdirSync(folder) : [])
