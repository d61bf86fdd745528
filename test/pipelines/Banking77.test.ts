/** Slow: a figure on public data, from scratch. Runs with THAW_SLOW=1 where the data lies beside the checkout. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Export from "@thaw/steps/Export"
import * as Load from "@thaw/steps/Load"
import * as Split from "@thaw/steps/Split"
import * as Train from "@thaw/steps/Train"
import { afterAll, describe, expect, it } from "vitest"
import * as World from "../steps/world.ts"
import * as Quantised from "./quantised.ts"

const data = path.resolve(import.meta.dirname, "../../../shared/data/banking77")
const isAsked = process.env["THAW_SLOW"] === "1" && existsSync(data)

const home = mkdtempSync(path.join(tmpdir(), "thaw-banking-"))
const world = World.make({ threads: 2, home })
afterAll(async () => {
  await world.dispose()
  rmSync(home, { recursive: true, force: true })
})

describe("banking77, 77 intents of bank customers", () => {
  it.skipIf(!isAsked)(
    "is answered right in more than 80 of 100 cases by an encoder trained from scratch",
    async () => {
      const load = (part: string) =>
        Load.jsonl({ path: path.join(data, `${part}.jsonl`), text: "text", label: "label" })
      const parts = Split.given({
        train: load("train"),
        test: load("test"),
        validation: 0.05,
        overlap: "dropFromTrain",
      })
      const encoder = Encoder.fromScratch({
        corpus: parts.train,
        vocabularySize: 3000,
        blocks: 1,
        hidden: 128,
        heads: 4,
        maxTokens: 64,
      })
      const trained = Train.multiTask({
        encoder,
        tasks: {
          label: { head: Head.classification({ pooling: "mean" }), train: parts.train, validation: parts.validation },
        },
        learningRate: LearningRate.linear({ base: 1e-3, warmup: 0.1 }),
        epochs: 10,
      })
      const started = Date.now()
      const { values, folders } = await world.run({
        scores: Evaluate.tasks({ trained, test: { label: parts.test } }),
        model: Export.huggingFace({ trained, otherHeads: "onnx" }),
      })
      const [scores] = values.scores.tasks
      const { accuracy, macroF1 } = scores!.metrics
      const seconds = Math.round((Date.now() - started) / 1000)
      process.stdout.write(
        `banking77: accuracy ${accuracy}, macro-F1 ${macroF1}, ${scores!.examples} examples, ${seconds} s\n`,
      )
      expect(scores!.examples).toBe(3080)
      expect(accuracy).toBeGreaterThan(0.8)

      const rows = readFileSync(path.join(data, "test.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Quantised.Labelled)
      const answers = (file: string) => Quantised.answers(folders.model, "label", file, rows)
      const [exact, quantised] = [await answers("all-heads.onnx"), await answers("all-heads_quantized.onnx")]
      const sizeBytes = (file: string) => statSync(path.join(folders.model, file)).size
      expect(sizeBytes("all-heads_quantized.onnx") / sizeBytes("all-heads.onnx")).toBeLessThan(0.4)
      const right = rows.map(({ label }) => label)
      const share = Quantised.agreement(exact, quantised)
      process.stdout.write(
        `8-bit copy: accuracy ${Quantised.agreement(right, quantised)}, the same answer as float32 in ${share}\n`,
      )
      expect(Quantised.agreement(right, exact)).toBeCloseTo(accuracy!, 3)
      expect(Quantised.agreement(right, quantised)).toBeGreaterThan(accuracy! - 0.01)
      expect(share).toBeGreaterThan(0.98)
    },
    1_800_000,
  )
})
