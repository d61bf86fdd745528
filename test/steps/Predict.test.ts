import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Dataset from "@thaw/core/Dataset"
import * as Head from "@thaw/models/Head"
import { Sessions } from "@thaw/onnx/Session"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Export from "@thaw/steps/Export"
import * as Predict from "@thaw/steps/Predict"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const home = mkdtempSync(path.join(tmpdir(), "thaw-home-"))
const world = World.make({ home })
afterAll(async () => {
  await world.dispose()
  rmSync(home, { recursive: true, force: true })
})

/** How often any graph was run, and how many devices were opened. */
const counted = { runs: 0, devices: 0 }
const sessions = Layer.effect(
  Sessions,
  Effect.map(Sessions, (real) => ({
    ...real,
    open: Effect.map(real.open, (device) => {
      counted.devices++
      return {
        ...device,
        session: (graph: Parameters<typeof device.session>[0]) =>
          Effect.map(device.session(graph), (session) => ({
            run: (request: Parameters<typeof session.run>[0]) => {
              counted.runs++
              return session.run(request)
            },
          })),
      }
    }),
  })),
).pipe(Layer.provide(SessionProcess.layer({ threads: 1 })))

const predict = (folder: string, texts: ReadonlyArray<string>) =>
  Effect.runPromise(Predict.texts({ folder, texts }).pipe(Effect.provide(sessions)))

const failure = (folder: string, texts: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.flip(Predict.texts({ folder, texts }).pipe(Effect.provide(sessions))))

const parts = Corpus.parts({
  train: Corpus.rows(60, "tokens", "t"),
  heldOut: Corpus.rows(15, "tokens", "h"),
  form: "tokens",
})
const data = { train: parts.train, validation: parts.validation }

const make = async () => {
  const encoder = Corpus.encoder(parts.train)
  const trained = Corpus.trained({
    encoder,
    tasks: {
      topic: { head: Corpus.head, ...data },
      mood: { head: Head.classification(), ...data },
      thing: { head: Head.tokenClassification(), ...data },
    },
    epochs: 8,
  })
  const test = { topic: parts.test, mood: parts.test, thing: parts.test }
  return world.run({
    encoder,
    trained,
    model: Export.checkpoint({ trained }),
    scores: Evaluate.tasks({ trained, test }),
  })
}
let made: Awaited<ReturnType<typeof make>>
beforeAll(async () => {
  made = await make()
})

const rows = [...Dataset.rowsOf(parts.test)]
const texts = rows.map(Dataset.textOf)

describe("answers for texts", () => {
  it("are all tasks' from one run of one graph, and those that evaluation counted", async () => {
    counted.runs = 0
    const answered = await predict(made.folders.model, texts)
    expect(counted.runs).toBe(1)
    expect(answered.map(({ text }) => text)).toEqual(texts)
    expect(Object.keys(answered[0]!.tasks)).toEqual(["mood", "thing", "topic"])
    const right = (task: string) =>
      rows.flatMap(({ labels }, at) => {
        const answer = answered[at]!.tasks[task]!
        if (labels[task] === undefined || answer._tag !== "classification") return []
        const values = Object.values(answer.probabilities)
        expect(values.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 10)
        expect(answer.probabilities[answer.label]).toBe(Math.max(...values))
        return [answer.label === labels[task]]
      })
    for (const task of ["topic", "mood"]) {
      const all = right(task)
      const accuracy = all.filter(Boolean).length / all.length
      expect(made.values.scores.tasks.find((each) => each.task === task)!.metrics["accuracy"]).toBeCloseTo(accuracy, 12)
    }
  })

  it("are the same from the exported folder and from the checkpoint in the store", async () => {
    expect(await predict(made.folders.model, texts.slice(0, 4))).toEqual(
      await predict(made.folders.trained, texts.slice(0, 4)),
    )
  })

  it("do not depend on the other texts", async () => {
    const [alone] = await predict(made.folders.model, [texts[3]!])
    expect((await predict(made.folders.model, texts))[3]).toEqual(alone)
  })

  it("point at entities in the text as it was written", async () => {
    const text = "the  happy cat,\tnumber 1 is here… The SAW!"
    const [answer] = await predict(made.folders.model, [text])
    const found = answer!.tasks["thing"]!
    if (found._tag !== "tokenClassification") throw new Error("not a token task")
    expect(found.entities.length).toBeGreaterThan(0)
    for (const entity of found.entities) {
      expect(text.slice(entity.from, entity.to)).toBe(entity.text)
      expect(["animal", "tool"]).toContain(entity.type)
    }
    expect(found.entities.map((entity) => entity.text.toLowerCase())).toContain("cat")
  })

  it("are none for no texts, without any process", async () => {
    counted.devices = 0
    expect(await predict(made.folders.model, [])).toEqual([])
    expect(counted.devices).toBe(0)
  })

  it("exist for an empty text, a blank one, emoji, and one far beyond the encoder's length", async () => {
    const long = `${"happy ".repeat(5000)}cat`
    const odd = ["", " \n ", "👍🏽 👩‍👩‍👧", "\u0000", long]
    const answered = await predict(made.folders.model, odd)
    expect(answered.map(({ text }) => text)).toEqual(odd)
    for (const { tasks } of answered) {
      const topic = tasks["topic"]!
      expect(topic._tag === "classification" && Object.values(topic.probabilities).every(Number.isFinite)).toBe(true)
    }
    for (const at of [0, 1]) expect(answered[at]!.tasks["thing"]).toEqual({ _tag: "tokenClassification", entities: [] })
    // What was cut off is answered O.
    const cut = answered.at(-1)!.tasks["thing"]!
    expect(cut._tag === "tokenClassification" && cut.entities.every(({ to }) => to < 24 * "happy ".length)).toBe(true)
  })
})

describe("a folder to answer from", () => {
  it("has to be there", async () => {
    const folder = path.join(home, "nowhere")
    expect((await failure(folder, ["x"])).message).toBe(
      `${folder}: expected a folder with a checkpoint, got nothing there. Export.checkpoint makes one; runs tell where.`,
    )
  })

  it("has to hold a checkpoint", async () => {
    const folder = path.join(home, "other")
    mkdirSync(folder)
    writeFileSync(path.join(folder, "config.json"), "{}")
    expect((await failure(folder, ["x"])).message).toMatch(
      /other: expected a folder with a checkpoint, got a folder without "tokenizer.json", "model.safetensors", "heads.json", "training.json"\./,
    )
  })

  it("has to have heads", async () => {
    expect((await failure(made.folders.encoder, ["x"])).message).toBe(
      `${made.folders.encoder}: expected a checkpoint with heads, got one without. Train one with Train.multiTask.`,
    )
  })
})
