import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Seed from "@thaw/core/Seed"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import { Cause, Effect, Exit, Schema } from "effect"
import * as fc from "fast-check"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import * as World from "./world.ts"

const Number = Artifact.json("number", Schema.Number)
const Text = Artifact.json("text", Schema.String)

/** Calls of each step's `run`, by name. */
let calls: Record<string, number> = {}
beforeEach(() => {
  calls = {}
})
const count = (name: string) => {
  calls[name] = (calls[name] ?? 0) + 1
}

const number = (name: string, version = "1") =>
  Step.make({
    name,
    version,
    input: { of: Schema.Number },
    output: Number,
    run: ({ of }) => {
      count(name)
      return of
    },
  })
const plus = Step.make({
  name: "plus",
  version: "1",
  input: { a: Number, b: Number },
  output: Number,
  run: ({ a, b }) => {
    count("plus")
    return a + b
  },
})
const parity = Step.make({
  name: "parity",
  version: "1",
  input: { of: Number },
  output: Number,
  run: ({ of }) => {
    count("parity")
    return of % 2
  },
})
const pipeline = (outputs: Record<string, Wire.Wire<unknown>>, seed = 7) => Pipeline.make("test", { seed, outputs })

describe("what runs", () => {
  it("runs a step that two others need once", async () => {
    const base = number("base")({ of: 3 })
    const top = plus({ a: parity({ of: base }), b: plus({ a: base, b: base }) })
    const { outputs, steps } = await World.make().run(pipeline({ top }))
    expect(outputs).toEqual({ top: 7 })
    expect(calls).toEqual({ base: 1, parity: 1, plus: 2 })
    expect(steps).toEqual({ base: "ran", parity: "ran", plus: "ran", "plus (2)": "ran" })
  })

  it("runs nothing again when nothing changed", async () => {
    const world = World.make()
    const made = () => pipeline({ sum: plus({ a: number("one")({ of: 1 }), b: number("two")({ of: 2 }) }) })
    await world.run(made())
    const { steps, outputs } = await world.run(made())
    expect(outputs).toEqual({ sum: 3 })
    expect(steps).toEqual({ one: "cached", two: "cached", plus: "cached" })
    expect(calls).toEqual({ one: 1, two: 1, plus: 1 })
  })

  it.each([1, 8])("runs two calls that come to one key once, %i at a time", async (concurrency) => {
    const slow = Step.make({
      name: "slow",
      version: "1",
      input: { of: Schema.Number },
      output: Number,
      run: ({ of }) =>
        Effect.delay(
          Effect.sync(() => (count("slow"), of)),
          20,
        ),
    })
    const { outputs, steps } = await World.make(concurrency).run(
      pipeline({ sum: plus({ a: slow({ of: 2 }), b: slow({ of: 2 }) }) }),
    )
    expect(outputs).toEqual({ sum: 4 })
    expect(calls).toEqual({ slow: 1, plus: 1 })
    expect(new Set([steps["slow"], steps["slow (2)"]])).toEqual(new Set(["cached", "ran"]))
  })

  it("finds results of another pipeline", async () => {
    const world = World.make()
    await world.run(pipeline({ a: number("one")({ of: 1 }) }))
    const other = Pipeline.make("other", { seed: 1, outputs: { p: parity({ of: number("one")({ of: 1 }) }) } })
    expect((await world.run(other)).steps).toEqual({ one: "cached", parity: "ran" })
  })

  it("stops the ripple where a changed step gives the same bytes", async () => {
    const world = World.make()
    const made = (of: number) => {
      const odd = parity({ of: number("base")({ of }) })
      return pipeline({ after: plus({ a: odd, b: odd }) })
    }
    await world.run(made(3))
    const { steps } = await world.run(made(5))
    expect(steps).toEqual({ base: "ran", parity: "ran", plus: "cached" })
    expect((await world.run(made(4))).steps).toEqual({ base: "ran", parity: "ran", plus: "ran" })
  })

  it("reruns what its place changes: the environment is part of the key", async () => {
    let runtime = "1.30.0"
    const world = World.make(2, () => ({ onnxruntime: runtime }))
    const made = () => pipeline({ a: number("one")({ of: 1 }) })
    await world.run(made())
    runtime = "1.31.0"
    expect(await world.plan(made())).toEqual({ one: 'Run: onnxruntime: "1.30.0" → "1.31.0"' })
    expect((await world.run(made())).steps).toEqual({ one: "ran" })
  })

  it("keeps to the concurrency of its runner", async () => {
    let going = 0
    let most = 0
    const wait = Step.make({
      name: "wait",
      version: "1",
      input: { of: Schema.Number },
      output: Number,
      run: async ({ of }) => {
        most = Math.max(most, ++going)
        await new Promise((done) => setTimeout(done, 5))
        going--
        return of
      },
    })
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, of) => [`o${of}`, wait({ of })]))
    await World.make(3).run(pipeline(many))
    expect(most).toBe(3)
  })

  it("runs exactly what is new in any pipeline, run after run", async () => {
    const add = Step.make({
      name: "add",
      version: "1",
      input: { own: Schema.Int, parts: Artifact.record(Number) },
      output: Number,
      run: ({ own, parts }) => (count("add"), sum(own, Object.values(parts))),
    })
    // Small numbers, so that changes often come to nothing further down.
    const sum = (own: number, parts: ReadonlyArray<number>) => parts.reduce((total, part) => total + part, own) % 3
    const shape = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 8 })
    const owns = fc.array(fc.array(fc.nat(2), { minLength: 8, maxLength: 8 }), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(shape, owns, fc.integer({ min: 1, max: 4 }), async (needs, runs, concurrency) => {
        const world = World.make(concurrency)
        const seen = new Set<string>()
        for (const own of runs) {
          const wires: Array<Wire.Wire<number>> = []
          const values: Array<number> = []
          const before = seen.size
          for (const [index, each] of needs.entries()) {
            const below = index === 0 ? [] : each.map((need) => need % index)
            const parts = below.map((need) => values[need]!)
            seen.add(JSON.stringify([own[index], parts]))
            wires.push(
              add({ own: own[index]!, parts: Object.fromEntries(below.map((need, at) => [at, wires[need]!])) }),
            )
            values.push(sum(own[index]!, parts))
          }
          calls = {}
          const { outputs, steps } = await world.run(pipeline(Object.fromEntries(wires.map((wire, at) => [`o${at}`, wire])))) // prettier-ignore
          expect(Object.values(outputs)).toEqual(values)
          expect(calls["add"] ?? 0).toBe(seen.size - before)
          expect(Object.values(steps).filter((how) => how === "ran")).toHaveLength(seen.size - before)
        }
      }),
      { numRuns: 40 },
    )
  })

  it("runs long chains", async () => {
    let wire: Wire.Wire<number> = number("base")({ of: 0 })
    const next = Step.make({
      name: "next",
      version: "1",
      input: { of: Number },
      output: Number,
      run: ({ of }) => of + 1,
    })
    for (let link = 0; link < 300; link++) wire = next({ of: wire })
    expect((await World.make().run(pipeline({ wire }))).outputs).toEqual({ wire: 300 })
  })
})

describe("ways to give a result", () => {
  it("takes plain values, promises and effects, and gives effects their step run", async () => {
    const make = (name: string, run: () => Step.Awaitable<string>) =>
      Step.make({ name, version: "1", input: {}, output: Text, run })
    const { outputs } = await World.make().run(
      pipeline({
        plain: make("plain", () => "plain")({}),
        promise: make("promise", async () => "promise")({}),
        effect: make("effect", () =>
          Step.StepRun.pipe(Effect.map(({ label, scratch }) => `${label} ${fs.readdirSync(scratch).length}`)),
        )({}),
      }),
    )
    expect(outputs).toEqual({ plain: "plain", promise: "promise", effect: "effect 0" })
  })

  it("removes the scratch folder when the step is done", async () => {
    let folder = ""
    const keep = Step.make({
      name: "keep",
      version: "1",
      input: {},
      output: Artifact.make<string>({
        kind: "file",
        write: (path) => Effect.succeed(new Map([["a.txt", Artifact.file(path)]])),
        read: (files) => Artifact.readText(files, "a.txt"),
      }),
      run: () =>
        Step.StepRun.pipe(
          Effect.map(({ scratch }) => {
            folder = scratch
            fs.writeFileSync(join(scratch, "a.txt"), "kept")
            return join(scratch, "a.txt")
          }),
        ),
    })
    expect((await World.make().run(pipeline({ kept: keep({}) }))).outputs).toEqual({ kept: "kept" })
    expect(fs.existsSync(folder)).toBe(false)
  })

  /** Steps as JavaScript writes them: of any outcome. */
  const broken = (name: string, run: () => unknown) =>
    pipeline({ out: Step.make({ name, version: "1", input: {}, output: Text, run: run as () => string })({}) })

  it.each([
    ["throws", () => { throw new TypeError("no such thing\nat line 3") }, "TypeError", "no such thing"], // prettier-ignore
    ["rejects", () => Promise.reject(new Error("later")), "Error", "later"],
    ["fails", () => Effect.fail({ _tag: "Mine", message: "?" }), "Mine", "{ _tag: 'Mine', message: '?' }"],
    ["dies", () => Effect.die("defect"), "Error", "defect"],
    ["gives nothing", () => undefined, "PipelineInvalid", "output value: expected json/text, got nothing. Return it from the step's run."], // prettier-ignore
    ["gives another type", () => 3, "ArtifactBroken", "artifact json/text: expected string, got 3."], // prettier-ignore
    ["fails beside interrupted work", () => Effect.all([Effect.never, Effect.fail("one of two")], { concurrency: 2 }), "Error", "one of two"], // prettier-ignore
  ])("says which step failed and why when it %s", async (name, run, tag, problem) => {
    const error = await World.make().failure(broken(name, run))
    expect(error).toMatchObject({ _tag: "StepFailed", step: name, tag, problem })
  })

  it("names a missing output of several", async () => {
    const two = Step.make({
      name: "two",
      version: "1",
      input: {},
      output: { a: Text, b: Text },
      run: () => ({ a: "there" }) as { a: string; b: string },
    })
    const error = await World.make().failure(pipeline({ out: two({}).a }))
    expect(error.message).toBe("two: output b: expected json/text, got nothing. Return it from the step's run.")
    const none = Step.make({ ...two, name: "none", run: () => undefined as never })
    expect(await World.make().failure(pipeline({ out: none({}).a }))).toMatchObject({ step: "none" })
  })

  it("turns a value that its kind cannot write into a failure of the step", async () => {
    const bad = Step.make({ name: "bad", version: "1", input: {}, output: Dataset.Examples, run: () => 3 as never })
    const error = await World.make().failure(pipeline({ out: bad({}) }))
    expect(error).toMatchObject({ step: "bad", tag: "ArtifactBroken" })
    expect(error.message).toContain("artifact examples/all: expected a value of its kind, got number")
  })
})

describe("failure and interruption", () => {
  it("keeps what finished before a step failed, and never the failure", async () => {
    const world = World.make()
    let broken = true
    const fragile = Step.make({
      name: "fragile",
      version: "1",
      input: { of: Number },
      output: Number,
      run: ({ of }) => {
        count("fragile")
        if (broken) throw new Error("not today")
        return of
      },
    })
    const made = () => pipeline({ out: fragile({ of: number("base")({ of: 1 }) }) })
    expect((await world.failure(made())).message).toBe("fragile: not today")
    expect((await world.failure(made())).message).toBe("fragile: not today")
    broken = false
    const { steps } = await world.run(made())
    expect(steps).toEqual({ base: "cached", fragile: "ran" })
    expect(calls).toEqual({ base: 1, fragile: 3 })
  })

  it("runs nothing that needs a failed step", async () => {
    const bad = Step.make({ name: "bad", version: "1", input: {}, output: Number, run: () => Promise.reject("no") })
    expect((await World.make().failure(pipeline({ out: parity({ of: bad({}) }) }))).step).toBe("bad")
    expect(calls).toEqual({})
  })

  it("keeps finished steps when it is interrupted, and nothing of the running one", async () => {
    const world = World.make()
    let hang = true
    let reached = () => {}
    const until = new Promise<void>((done) => (reached = done))
    const long = Step.make({
      name: "long",
      version: "1",
      input: { of: Number },
      output: Number,
      run: ({ of }) =>
        Effect.suspend(() => {
          count("long")
          reached()
          return hang ? Effect.never : Effect.succeed(of)
        }),
    })
    const made = () => pipeline({ out: long({ of: number("base")({ of: 1 }) }) })
    const exit = await world.interrupted(made(), until)
    expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
    hang = false
    expect((await world.run(made())).steps).toEqual({ base: "cached", long: "ran" })
    expect(calls).toEqual({ base: 1, long: 2 })
  })

  it("does not hold up a twin when the first of two equal calls is interrupted with the run", async () => {
    const world = World.make(1)
    const bad = Step.make({ name: "bad", version: "1", input: {}, output: Number, run: () => Promise.reject("no") })
    expect((await world.failure(pipeline({ a: bad({}), b: bad({}) }))).message).toMatch(/^bad( \(2\))?: no$/)
  })
})

describe("changed code", () => {
  type Run = (inputs: { readonly of: number }) => Step.Awaitable<number>
  const edited = (run: Run) =>
    pipeline({
      out: Step.make({ name: "mine", version: "1", input: { of: Schema.Number }, output: Number, run })({ of: 2 }),
    })
  const say = "nothing of its key changed, but its source did: raise its version, or run with --strict-code"

  describe.each<[string, Run, Run, Run]>([
    ["a function", ({ of }) => of + 1, ({ of }) => of + 1, ({ of }) => of + 2],
    [
      "Effect.fnUntraced",
      Effect.fnUntraced(function* ({ of }) {
        return of + 1
      }),
      Effect.fnUntraced(function* ({ of }) {
        return of + 1
      }),
      Effect.fnUntraced(function* ({ of }) {
        return of + 2
      }),
    ],
    [
      "Effect.fn",
      Effect.fn("mine")(function* ({ of }) {
        return of + 1
      }),
      Effect.fn("mine")(function* ({ of }) {
        return of + 1
      }),
      Effect.fn("mine")(function* ({ of }) {
        return of + 2
      }),
    ],
    [
      "Effect.fnUntraced with more behind it",
      Effect.fnUntraced(function* ({ of }) {
        return of + 1
      }, Effect.orDie),
      Effect.fnUntraced(function* ({ of }) {
        return of + 1
      }, Effect.orDie),
      Effect.fnUntraced(function* ({ of }) {
        return of + 2
      }, Effect.orDie),
    ],
  ])("of a step written with %s", (_, first, same, other) => {
    it("is said, and not rerun, when the version is the same", async () => {
      const world = World.make()
      await world.run(edited(first))
      await world.run(edited(same))
      expect(world.noticed()).toEqual([])
      const { steps, outputs } = await world.run(edited(other))
      expect({ steps, outputs }).toEqual({ steps: { mine: "cached" }, outputs: { out: 3 } })
      expect(world.noticed()).toEqual([`mine: ${say}`])
      expect(await world.plan(edited(other))).toEqual({ mine: `Reuse: ${say}` })
    })

    it("reruns when the code is part of the key", async () => {
      const world = World.make()
      await world.run(edited(first), { code: "key" })
      expect((await world.run(edited(same), { code: "key" })).steps).toEqual({ mine: "cached" })
      const { steps, outputs } = await world.run(edited(other), { code: "key" })
      expect({ steps, outputs }).toEqual({ steps: { mine: "ran" }, outputs: { out: 4 } })
    })
  })
})

describe("inputs", () => {
  const join3 = Step.make({
    name: "join",
    version: "1",
    input: { parts: Artifact.record(Text) },
    output: Text,
    run: ({ parts }) => Object.entries(parts).map(([name, part]) => `${name}=${part}`).join(" "), // prettier-ignore
  })
  const text = Step.make({
    name: "text",
    version: "1",
    input: { of: Schema.String },
    output: Text,
    run: ({ of }) => of,
  })

  it("takes artifacts that are values, hashed like those that are wired", async () => {
    const world = World.make()
    expect((await world.run(pipeline({ sum: plus({ a: 1, b: number("two")({ of: 2 }) }) }))).outputs).toEqual({
      sum: 3,
    })
    expect((await world.run(pipeline({ sum: plus({ a: number("one")({ of: 1 }), b: 2 }) }))).steps).toEqual({
      one: "ran",
      plus: "cached",
    })
  })

  it("opens records of wires and values, in one order however they are written", async () => {
    const world = World.make()
    const first = await world.run(pipeline({ out: join3({ parts: { b: text({ of: "x" }), a: "y", "c.d": "z" } }) }))
    expect(first.outputs).toEqual({ out: "a=y b=x c.d=z" })
    const second = await world.run(pipeline({ out: join3({ parts: { "c.d": "z", a: text({ of: "y" }), b: "x" } }) }))
    expect(second.steps["join"]).toBe("cached")
    expect((await world.run(pipeline({ out: join3({ parts: {} }) }))).outputs).toEqual({ out: "" })
  })

  it("gives parameters in the order of the key too: equal keys see equal inputs", async () => {
    const keys = Step.make({
      name: "keys",
      version: "1",
      input: { of: Schema.Record(Schema.String, Schema.Int) },
      output: Text,
      run: ({ of }) => Object.keys(of).join(),
    })
    const { outputs } = await World.make().run(pipeline({ out: keys({ of: { b: 1, a: 2 } }) }))
    expect(outputs).toEqual({ out: "a,b" })
  })

  it("wires a result into a parameter, and checks it against the parameter's schema", async () => {
    const half = Step.make({
      name: "half",
      version: "1",
      input: { of: Schema.Int },
      output: Number,
      run: ({ of }) => of / 2,
    })
    const world = World.make()
    expect((await world.run(pipeline({ out: half({ of: number("base")({ of: 3 }) }) }))).outputs).toEqual({ out: 1.5 })
    const error = await world.failure(pipeline({ out: half({ of: number("base")({ of: 1.5 }) }) }))
    expect(error.message).toBe("half: half, of: expected an integer, got the value of base: 1.5.")
  })

  it("decodes parameters and omits optional ones", async () => {
    const show = Step.make({
      name: "show",
      version: "1",
      input: { size: Schema.NumberFromString, name: Schema.optionalKey(Schema.String) },
      output: Text,
      run: (inputs) => JSON.stringify(inputs),
    })
    const world = World.make()
    expect((await world.run(pipeline({ out: show({ size: 3 }) }))).outputs).toEqual({ out: '{"size":3}' })
    const named = await world.run(pipeline({ out: show({ size: 3, name: "x" }) }))
    expect(named.outputs).toEqual({ out: '{"size":3,"name":"x"}' })
  })

  it("sets parameters from outside", async () => {
    const { outputs } = await World.make().run(pipeline({ out: number("base")({ of: 1 }) }), {
      overrides: { "base.of": 5 },
    })
    expect(outputs).toEqual({ out: 5 })
  })

  it("keeps what an author wrote when the object changes afterwards", async () => {
    const args = { of: 1 }
    const one = number("one")(args)
    args.of = 2
    const { outputs } = await World.make().run(pipeline({ sum: plus({ a: one, b: number("two")(args) }) }))
    expect(outputs).toEqual({ sum: 3 })
  })
})

describe("seeds", () => {
  const roll = (name: string) =>
    Step.make({
      name,
      version: "1",
      input: { left: Seed.fromRun, right: Seed.fromRun },
      output: Artifact.json("rolls", Schema.Array(Schema.Number)),
      run: ({ left, right }) => [Seed.stream(left).float(), Seed.stream(right).float()],
    })

  it("derive by the names of step and field: another step changes no other's stream", async () => {
    const alone = (await World.make().run(pipeline({ a: roll("a")({}) }))).outputs["a"] as Array<number>
    const beside = await World.make().run(pipeline({ b: roll("b")({}), a: roll("a")({}) }))
    expect(beside.outputs["a"]).toEqual(alone)
    expect(new Set([...alone, ...(beside.outputs["b"] as Array<number>)]).size).toBe(4)
  })

  it("follow the run's seed unless the author gives one", async () => {
    const world = World.make()
    const rolled = async (args: { readonly left?: number }, seed: number) =>
      (await world.run(pipeline({ a: roll("a")(args) }, seed))).outputs["a"] as Array<number>
    const [left, right] = await rolled({}, 7)
    expect(await rolled({ left: 7 }, 8)).toEqual([left, (await rolled({}, 8))[1]])
    expect((await rolled({}, 8))[1]).not.toBe(right)
    expect(await world.plan(pipeline({ a: roll("a")({}) }, 9))).toEqual({ a: "Run: left: 8 → 9; right: 8 → 9" })
  })
})

describe("sources", () => {
  let root: string
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), "thaw-sources-"))
  })
  afterEach(() => fs.rmSync(root, { recursive: true, force: true }))

  const read = Step.make({
    name: "read",
    version: "1",
    input: { path: Source.file },
    output: Text,
    run: ({ path }) => (count("read"), fs.readFileSync(path.path, "utf8")),
  })
  const list = Step.make({
    name: "list",
    version: "1",
    input: { path: Source.folder },
    output: Text,
    run: ({ path }) => (count("list"), fs.readdirSync(path.path).sort().join()),
  })

  it("count by content, not by path or time", async () => {
    const world = World.make()
    fs.writeFileSync(join(root, "a.txt"), "same")
    fs.writeFileSync(join(root, "b.txt"), "same")
    const made = (path: string) => pipeline({ out: read({ path }) })
    expect((await world.run(made("a.txt"), { folder: root })).outputs).toEqual({ out: "same" })
    expect((await world.run(made("./b.txt"), { folder: root })).steps).toEqual({ read: "cached" })
    fs.writeFileSync(join(root, "a.txt"), "other")
    expect(await world.plan(made("a.txt"), { folder: root })).toEqual({ read: "Run: the content of path changed" })
    expect((await world.run(made(join(root, "a.txt")), { folder: "/" })).outputs).toEqual({ out: "other" })
  })

  it("that are folders count every file below, also behind links", async () => {
    const world = World.make()
    fs.mkdirSync(join(root, "data", "deep"), { recursive: true })
    fs.mkdirSync(join(root, "elsewhere"))
    fs.writeFileSync(join(root, "data", "deep", "a.txt"), "1")
    fs.writeFileSync(join(root, "elsewhere", "b.txt"), "1")
    fs.symlinkSync(join(root, "elsewhere"), join(root, "data", "linked"))
    const made = pipeline({ out: list({ path: "data" }) })
    const ran = async () => (await world.run(made, { folder: root })).steps["list"]
    expect(await ran()).toBe("ran")
    expect(await ran()).toBe("cached")
    fs.writeFileSync(join(root, "elsewhere", "b.txt"), "2")
    expect(await ran()).toBe("ran")
    fs.writeFileSync(join(root, "data", "deep", "a.txt"), "2")
    expect(await ran()).toBe("ran")
    fs.renameSync(join(root, "data", "deep"), join(root, "data", "deeper"))
    expect(await ran()).toBe("ran")
  })

  it.each([
    ["is missing", read, "topcs.csv", "read, path: expected a readable file at <root>/topcs.csv, got nothing there. Did you mean \"topics.csv\"?"], // prettier-ignore
    ["is missing, with nothing near", read, "nothing-like-it.bin", "got nothing there. Relative paths start at the folder of the pipeline's file."], // prettier-ignore
    ["is a folder where a file is wanted", read, "folder", "expected a file at <root>/folder, got a folder."],
    ["is a file where a folder is wanted", list, "topics.csv", "expected a folder at <root>/topics.csv, got a file."],
    ["holds a link to nothing", list, "dangling", "expected a readable folder at <root>/dangling, got a link to nothing (<root>/dangling/gone)."], // prettier-ignore
    ["holds a link to itself", list, "circular", "circular/again leads back to a folder above it"],
    ["lies below a file", read, "topics.csv/x", "got ENOTDIR"],
  ] as const)("that %s: one sentence that says so", async (_, step, path, sentence) => {
    fs.writeFileSync(join(root, "topics.csv"), "x")
    fs.mkdirSync(join(root, "folder"))
    fs.mkdirSync(join(root, "dangling"))
    fs.symlinkSync(join(root, "nowhere"), join(root, "dangling", "gone"))
    fs.mkdirSync(join(root, "circular"))
    fs.symlinkSync(join(root, "circular"), join(root, "circular", "again"))
    const made = pipeline({ out: step({ path }) })
    const error = await World.make().failure(made, { folder: fs.realpathSync(root) })
    expect(error.tag).toBe("SourceUnreadable")
    expect(error.message.replaceAll(fs.realpathSync(root), "<root>")).toContain(
      sentence.replace("circular/again", "again"),
    )
    expect(calls).toEqual({})
  })
})

describe("events", () => {
  it("tell of every step, whether it ran, why, and what it gave", async () => {
    const world = World.make()
    const made = pipeline({ out: parity({ of: number("base")({ of: 1 }) }) })
    const { outcomes } = await world.run(made)
    const brief = world.events.map((event) => ("step" in event ? `${event._tag} ${event.step}` : event._tag))
    expect(brief).toEqual(["stepStarted base", "stepFinished base", "stepStarted parity", "stepFinished parity"])
    const finished = world.events.find((event) => event._tag === "stepFinished" && event.step === "base")
    const base = [...outcomes].find(([node]) => node.label === "base")![1]
    expect(finished).toMatchObject({ cached: false, why: "never ran in this pipeline", outputs: base.result.outputs })
  })
})
