import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Environment from "@thaw/runners/Environment"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect, Fiber, type Scope } from "effect"
import { afterAll, describe, expect, it } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "thaw-session-"))
afterAll(() => rmSync(folder, { recursive: true }))

const run = <A, E>(
  effect: Effect.Effect<A, E, Sessions | Scope.Scope>,
  options: SessionProcess.Options = { threads: 1 },
): Promise<A> => Effect.runPromise(Effect.scoped(effect).pipe(Effect.provide(SessionProcess.layer(options))))

const open = Effect.flatMap(Sessions, (sessions) => sessions.open)

/** sum = x + y, product = x · y, elementwise over [n]. */
const arithmetic = () => {
  const x = Value.input("x", "float32", ["n"])
  const y = Value.input("y", "float32", ["n"])
  return Graph.make({ name: "arithmetic", outputs: { sum: Op.Add(x, y), product: Op.Mul(x, y) } })
}

/** A chain of square products that takes the CPU a second or so. */
const slow = () => {
  const x = Value.input("x", "float32", [1100, 1100])
  let y: Value.Value = x
  for (let i = 0; i < 12; i++) y = Op.MatMul(y, x)
  return Graph.make({ name: "slow", outputs: { y: Op.ReduceSum(y, { axes: [0, 1], keepdims: 0 }) } })
}

const vector = (...values: ReadonlyArray<number>) => Tensor.float32([values.length], values)
const numbers = (tensor: Tensor.Tensor | undefined) => Array.from(tensor?.data ?? [], Number)

/** Process ids of the children of this process. */
const children = (): ReadonlyArray<number> =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8")
    .trim()
    .split(" ")
    .filter(Boolean)
    .map(Number)
const alive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
  } catch {
    return false
  }
}
const openWithPid = Effect.gen(function* () {
  const before = new Set(children())
  const device = yield* open
  return { device, pid: children().find((pid) => !before.has(pid))! }
})
const withoutProc = process.platform !== "linux"

describe("a device in a process of its own", () => {
  it("keeps what came with another tensor, when that one is dropped or replaced", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        yield* device.put({ a: vector(1, 2), b: vector(3, 4), c: vector(5, 6) })
        yield* device.drop(["a"])
        yield* device.put({ b: vector(7) })
        expect(numbers((yield* device.take(["c"]))["c"])).toEqual([5, 6])
        const file = join(folder, "together.safetensors")
        yield* device.save(file, { x: "b", y: "c" })
        yield* device.load(file)
        rmSync(file)
        yield* device.drop(["x"])
        expect(numbers((yield* device.take(["y"]))["y"])).toEqual([5, 6])
      }),
    ))

  it.skipIf(withoutProc)("does not pile up what updates have replaced", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        const size = 2 ** 22
        const x = Value.input("x", "float32", [size])
        const session = yield* device.session(Graph.make({ name: "more", outputs: { y: Op.Add(x, 1) } }))
        yield* device.put({ state: Tensor.float32([size], new Float32Array(size)) })
        const update = session.run({ resident: { x: "state" }, keep: { y: "state" } })
        yield* update
        const before = yield* device.peakBytes
        for (let at = 0; at < 20; at++) yield* update
        expect((yield* device.peakBytes) - before).toBeLessThan(3 * 4 * size)
      }),
    ),
  )

  it.skipIf(withoutProc)("tells the most memory that its process ever had, which does not fall", () =>
    run(
      Effect.gen(function* () {
        const { device, pid } = yield* openWithPid
        const before = yield* device.peakBytes
        const size = 2 ** 24
        yield* device.put({ large: Tensor.float32([size], new Float32Array(size).fill(1)) })
        const after = yield* device.peakBytes
        expect(after - before).toBeGreaterThan(4 * size)
        yield* device.drop(["large"])
        expect(yield* device.peakBytes).toBeGreaterThanOrEqual(after)
        // The kernel's own record, in kB.
        const record = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1])
        expect((yield* device.peakBytes) / (1024 * record)).toBeCloseTo(1, 2)
      }),
    ),
  )

  it("keeps state across runs: an update may read and replace the same names", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        yield* device.put({ total: vector(0, 0), step: vector(1, 10) })
        const session = yield* device.session(arithmetic())
        for (let i = 0; i < 5; i++) {
          const results = yield* session.run({ resident: { x: "total", y: "step" }, keep: { sum: "total" } })
          expect(results).toEqual({})
        }
        const { total, step } = yield* device.take(["total", "step"])
        expect(numbers(total)).toEqual([5, 50])
        expect(numbers(step)).toEqual([1, 10])
      }),
    ))

  it("gives only the outputs that are asked for, and mixes feeds with resident tensors", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        yield* device.put({ weights: vector(2, 3, 4) })
        const session = yield* device.session(arithmetic())
        const request = { feeds: { x: vector(1, 2, 3) }, resident: { y: "weights" } }
        const results = yield* session.run({ ...request, fetch: ["product"] })
        expect(Object.keys(results)).toEqual(["product"])
        expect(numbers(results["product"])).toEqual([2, 6, 12])
        const both = yield* session.run({ ...request, fetch: ["product"], keep: { product: "kept" } })
        expect(numbers(both["product"])).toEqual(numbers((yield* device.take(["kept"]))["kept"]))
      }),
    ))

  it("carries tensors of every type there and back, views and empty ones too", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        const tensors = {
          float32: Tensor.make("float32", [2], new Float32Array([9, 1.5, -2, 9]).subarray(1, 3)),
          float64: Tensor.make("float64", [1, 2], new Float64Array([Math.PI, -0])),
          int32: Tensor.make("int32", [3], new Int32Array([1, -2, 2 ** 31 - 1])),
          int64: Tensor.make("int64", [1], new BigInt64Array([-(2n ** 62n)])),
          uint8: Tensor.make("uint8", [], new Uint8Array([255])),
          bool: Tensor.make("bool", [2], new Uint8Array([1, 0])),
          empty: Tensor.make("float32", [0, 4], new Float32Array(0)),
        }
        yield* device.put(tensors)
        const back = yield* device.take(Object.keys(tensors))
        for (const [name, tensor] of Object.entries(tensors)) {
          expect(back[name]?.dtype, name).toBe(tensor.dtype)
          expect(back[name]?.shape, name).toEqual(tensor.shape)
          expect(back[name]?.data, name).toEqual(tensor.data.slice())
        }
      }),
    ))

  it("saves resident tensors under the file's names and loads them back, renamed or not", () =>
    run(
      Effect.gen(function* () {
        const file = join(folder, "weights.safetensors")
        const device = yield* open
        yield* device.put({ "w/0": vector(1, 2), "w/1": vector(3), other: vector(4) })
        yield* device.save(file, { "encoder.weight": "w/0", "encoder.bias": "w/1" }, { made: "by a test" })
        expect(readdirSync(folder)).toEqual(["weights.safetensors"])
        const { tensors, metadata } = yield* Safetensors.decode(readFileSync(file))
        expect(Object.keys(tensors).sort()).toEqual(["encoder.bias", "encoder.weight"])
        expect(numbers(tensors["encoder.weight"])).toEqual([1, 2])
        expect(metadata["made"]).toBe("by a test")

        yield* device.drop(["w/0", "w/1"])
        yield* device.load(file, { "encoder.weight": "again" })
        expect(numbers((yield* device.take(["again"]))["again"])).toEqual([1, 2])
        expect((yield* Effect.flip(device.take(["encoder.bias"]))).message).toContain("encoder.bias")
        yield* device.load(file)
        expect(numbers((yield* device.take(["encoder.bias"]))["encoder.bias"])).toEqual([3])
      }),
    ))

  it("answers a mistake with its place and what was meant, and stays usable", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        yield* device.put({ weights: vector(1, 2) })
        const session = yield* device.session(arithmetic())
        const x = vector(1, 2)
        const sentence = (effect: Effect.Effect<unknown, { readonly message: string }>) =>
          Effect.map(Effect.flip(effect), ({ message }) => message)

        expect(yield* sentence(device.take(["weihgts"]))).toContain('Did you mean "weights"?')
        expect(yield* sentence(device.drop(["absent"]))).toContain('expected a resident tensor, got "absent"')
        expect(yield* sentence(device.load(join(folder, "absent.safetensors")))).toContain("absent.safetensors")
        expect(yield* sentence(device.save(join(folder, "no", "where"), { a: "weights" }))).toContain("no/where")
        expect(yield* sentence(session.run({ feeds: { x }, fetch: ["sum"] }))).toBe(
          'session "arithmetic": expected a tensor for every input of the graph, got none for "y".',
        )
        expect(yield* sentence(session.run({ feeds: { x, y: x, z: x }, fetch: ["sum"] }))).toContain('got "z"')
        expect(yield* sentence(session.run({ feeds: { x, y: x }, fetch: ["prodct"] }))).toContain(
          'Did you mean "product"?',
        )
        expect(yield* sentence(session.run({ feeds: { x, y: x } }))).toContain("at least one output")
        expect(
          yield* sentence(session.run({ feeds: { x, y: x }, resident: { y: "weights" }, fetch: ["sum"] })),
        ).toContain('input "y" once')

        const shapes = yield* Effect.flip(session.run({ feeds: { x, y: vector(1, 2, 3) }, fetch: ["sum"] }))
        expect(shapes._tag).toBe("SessionFailed")
        expect(shapes.message).not.toContain("\n")
        expect(shapes.message).toMatch(/session "arithmetic".*3/)
        const dtype = Tensor.int32([2], [1, 2])
        expect(yield* sentence(session.run({ feeds: { x, y: dtype }, fetch: ["sum"] }))).toMatch(/int32/)

        expect(numbers((yield* session.run({ feeds: { x, y: x }, fetch: ["sum"] }))["sum"])).toEqual([2, 4])
      }),
    ))

  it.skipIf(withoutProc)("turns a crash into an error for the run under way and every later request", () =>
    run(
      Effect.gen(function* () {
        const { device, pid } = yield* openWithPid
        const session = yield* device.session(slow())
        const x = Tensor.float32([1100, 1100], new Float32Array(1100 * 1100))
        const fiber = yield* Effect.forkChild(Effect.flip(session.run({ feeds: { x }, fetch: ["y"] })))
        yield* Effect.sleep(100)
        process.kill(pid, "SIGSEGV")
        const failed = yield* Fiber.join(fiber)
        expect(failed._tag).toBe("SessionFailed")
        expect(failed.message).toContain(`session process ${pid}`)
        expect(failed.message).toContain("SIGSEGV")
        expect((yield* Effect.flip(device.put({ x }))).message).toContain("SIGSEGV")

        const other = yield* open
        yield* other.put({ x: vector(1) })
        expect(numbers((yield* other.take(["x"]))["x"])).toEqual([1])
      }),
    ),
  )

  it.skipIf(withoutProc)("leaves Ctrl-C and a polite end to the parent", () =>
    run(
      Effect.gen(function* () {
        const { device, pid } = yield* openWithPid
        yield* device.put({ x: vector(7) })
        process.kill(pid, "SIGINT")
        process.kill(pid, "SIGTERM")
        yield* Effect.sleep(50)
        expect(numbers((yield* device.take(["x"]))["x"])).toEqual([7])
      }),
    ),
  )

  it.skipIf(withoutProc)("ends with its scope, in the middle of a run too", async () => {
    const idle = await run(Effect.map(openWithPid, ({ pid }) => pid))
    expect(alive(idle)).toBe(false)

    const busy = await run(
      Effect.gen(function* () {
        const { device, pid } = yield* openWithPid
        const session = yield* device.session(slow())
        const x = Tensor.float32([1100, 1100], new Float32Array(1100 * 1100))
        yield* Effect.forkChild(session.run({ feeds: { x }, fetch: ["y"] }))
        yield* Effect.sleep(50)
        return pid
      }),
    )
    expect(alive(busy)).toBe(false)
  })

  it.skipIf(withoutProc)("is killed when it does not end within its grace", async () => {
    const started = performance.now()
    const pid = await run(
      Effect.gen(function* () {
        const stopped = yield* openWithPid
        process.kill(stopped.pid, "SIGSTOP")
        return stopped.pid
      }),
      { threads: 1, graceMillis: 300 },
    )
    expect(alive(pid)).toBe(false)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it("drops the answer to a request that was given up, and answers the next one rightly", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        const busy = yield* device.session(slow())
        const session = yield* device.session(arithmetic())
        const x = Tensor.float32([1100, 1100], new Float32Array(1100 * 1100))
        const given = yield* Effect.forkChild(busy.run({ feeds: { x }, fetch: ["y"] }))
        yield* Effect.sleep(20)
        const before = performance.now()
        yield* Fiber.interrupt(given)
        expect(performance.now() - before).toBeLessThan(200)
        const results = yield* session.run({ feeds: { x: vector(1), y: vector(2) }, fetch: ["sum"] })
        expect(numbers(results["sum"])).toEqual([3])
      }),
    ))

  it("frees a session with its scope while the device lives on", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        const session = yield* Effect.scoped(device.session(arithmetic()))
        const failed = yield* Effect.flip(session.run({ feeds: { x: vector(1), y: vector(1) }, fetch: ["sum"] }))
        expect(failed.message).toContain("closed")
        const again = yield* device.session(arithmetic())
        const results = yield* again.run({ feeds: { x: vector(1), y: vector(1) }, fetch: ["sum"] })
        expect(numbers(results["sum"])).toEqual([2])
      }),
    ))

  it("refuses a graph that onnxruntime has no kernels for, naming it, and stays usable", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        const fine = Graph.make({ name: "doubtful", outputs: { y: Op.Exp(Value.input("x", "float64", ["n"])) } })
        // Op.Erf itself refuses float64, for want of a kernel.
        const graph = { ...fine, nodes: fine.nodes.map((node) => ({ ...node, operator: "Erf" as const })) }
        const failed = yield* Effect.flip(device.session(graph))
        expect(failed.message).toMatch(/^session "doubtful": expected a graph that onnxruntime can run, got .*Erf/)
        yield* device.session(arithmetic())
      }),
    ))

  it("says why a process could not start", async () => {
    const { NODE_OPTIONS } = process.env
    process.env["NODE_OPTIONS"] = "--require ./nowhere.cjs"
    try {
      const failed = await run(Effect.flip(open))
      expect(failed._tag).toBe("SessionFailed")
      expect(failed.message).toMatch(/exit code 1.*Cannot find module.*nowhere/)
    } finally {
      if (NODE_OPTIONS === undefined) delete process.env["NODE_OPTIONS"]
      else process.env["NODE_OPTIONS"] = NODE_OPTIONS
    }
  })

  it("keeps the event loop free during a run", () =>
    run(
      Effect.gen(function* () {
        const device = yield* open
        const session = yield* device.session(slow())
        const x = Tensor.float32([1100, 1100], new Float32Array(1100 * 1100))
        const running = yield* Effect.forkChild(session.run({ feeds: { x }, fetch: ["y"] }))
        let ticks = 0
        const timer = setInterval(() => ticks++, 10)
        const started = performance.now()
        yield* Fiber.join(running)
        clearInterval(timer)
        expect(ticks).toBeGreaterThan((performance.now() - started) / 40)
      }),
    ))
})

describe("the environment", () => {
  it("names what changes bytes and is the same in every process", async () => {
    const asked = await run(Effect.flatMap(Sessions, (sessions) => sessions.environment))
    expect(Object.keys(asked).sort()).toEqual(["arithmetic", "executionProvider", "instructionSet", "onnxruntime"])
    expect(asked["onnxruntime"]).toMatch(/^\d+\.\d+\.\d+$/)
    expect(asked["executionProvider"]).toBe("cpu")
    expect(asked["instructionSet"]).toContain(process.arch)
    expect(asked["arithmetic"]).toMatch(/^[0-9a-f]{64}$/)
    expect(await Environment.describe()).toEqual(asked)
  })
})
