/**
 * Sessions that live in a child process of their own: runs block only the child, a native crash is an error and not
 * the end, and Ctrl-C is the parent's to handle.
 *
 * Every device is one child. Requests are answered in order; giving up on one (interruption) leaves it to be done
 * and its answer to be dropped, and the device usable.
 */
import { fork, type ChildProcess } from "node:child_process"
import { fileURLToPath } from "node:url"
import { SessionFailed } from "@thaw/onnx/Errors"
import * as Graph from "@thaw/onnx/Graph"
import { type Device, type Model, type Session, Sessions } from "@thaw/onnx/Session"
import { Effect, Layer, type Scope } from "effect"
import * as DeviceGraph from "./DeviceGraph.ts"
import type { Provider } from "./Onnxruntime.ts"
import type { Answers, Outcome, ProcessOptions, Question, Reply, Request, RequestOf } from "./SessionProtocol.ts"

export interface Options extends ProcessOptions {
  /** How long a child may take to finish what it does when its scope closes; then it is killed. */
  readonly graceMillis?: number
}

/** One child for each device. `threads` are those of one operator; without it, one per physical core. */
export const layer = (options: Options = {}): Layer.Layer<Sessions> =>
  Layer.succeed(Sessions, {
    open: Effect.map(connect(options), (connection) => device(connection, options.provider)),
    environment: environment(options),
  })

interface Connection {
  readonly ask: <Tag extends Request["_tag"]>(request: RequestOf<Tag>) => Effect.Effect<Answers[Tag], SessionFailed>
}

/** The entry lies beside this file: TypeScript in the workspace, JavaScript when installed. */
const entry = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./SessionChild.ts" : "./SessionChild.js", import.meta.url),
)

const connect = ({
  graceMillis = 10_000,
  ...options
}: Options): Effect.Effect<Connection, SessionFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => start(options)),
    (started) => stop(started, graceMillis),
  ).pipe(Effect.tap(({ ask }) => ask<"Ready">({ _tag: "Ready" })))

/**
 * An update's outputs take the place of the last update's, hundreds of megabytes. The C library would give every large
 * block back to the kernel and get the next one page by page; told to keep them, it copies an update's outputs in
 * little more than half the time (mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD). Only glibc knows these names.
 */
const keepingMemory = { MALLOC_MMAP_MAX_: "0", MALLOC_TRIM_THRESHOLD_: String(2 ** 33) }

interface Started extends Connection {
  readonly child: ChildProcess
  readonly ended: Promise<void>
}

const start = (options: ProcessOptions): Started => {
  const child = fork(entry, [JSON.stringify(options)], {
    serialization: "advanced",
    // The parent's own flags (an inspector's port, a test runner's hooks) are not for the child.
    execArgv: [],
    env: { ...process.env, ...keepingMemory },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  })
  const waiting = new Map<number, (outcome: Outcome) => void>()
  let nextId = 0
  let gone: SessionFailed | undefined
  let lastWords = ""

  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    lastWords = (lastWords + text).slice(-4096)
  })
  child.on("message", ({ id, outcome }: Reply) => {
    waiting.get(id)?.(outcome)
    waiting.delete(id)
  })
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      gone ??= new SessionFailed({
        where: `session process ${child.pid ?? ""}`.trim(),
        expected: "to be running",
        got: `its end ${how}${said(lastWords)}`,
        advice: "What it held is lost; open a new device.",
      })
      for (const settle of waiting.values()) settle({ _tag: "Failed", problem: gone })
      waiting.clear()
      resolve()
    }
    child.on("error", (cause) => {
      if (child.pid === undefined) end(`at its start: ${cause.message}`)
    })
    // Its last words may arrive after its end. (The event "close", which waits for them, is never sent to a parent that
    // closed the channel itself.)
    const silent = new Promise((done) => child.stderr?.once("close", done))
    child.on("exit", (code, signal) => {
      void silent.then(() => end(signal === null ? `with exit code ${code}` : `by signal ${signal}${hint(signal)}`))
    })
  })

  const ask = <Tag extends Request["_tag"]>(request: RequestOf<Tag>): Effect.Effect<Answers[Tag], SessionFailed> =>
    Effect.callback((resume) => {
      if (gone !== undefined) return resume(Effect.fail(gone))
      const id = nextId++
      waiting.set(id, (outcome) =>
        resume(
          outcome._tag === "Done"
            ? Effect.succeed(outcome.value as Answers[Tag])
            : Effect.fail(new SessionFailed(outcome.problem)),
        ),
      )
      // A channel that closed under the message is told by the child's end, which fails all that wait.
      child.send({ id, request } satisfies Question, () => {})
      return Effect.sync(() => waiting.delete(id))
    })

  return { child, ended, ask }
}

/** A closed channel tells the child to free everything and end. */
const stop = ({ child, ended }: Started, graceMillis: number): Effect.Effect<void> =>
  Effect.promise(async () => {
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMillis)
    if (child.connected) child.disconnect()
    await ended
    clearTimeout(timer)
  })

const device = ({ ask }: Connection, provider: Provider | undefined): Device => {
  let sessions = 0
  return {
    put: (tensors) => ask<"Put">({ _tag: "Put", tensors }),
    load: (file, rename) => ask<"Load">({ _tag: "Load", file, rename }),
    take: (names) => ask<"Take">({ _tag: "Take", names }),
    drop: (names) => ask<"Drop">({ _tag: "Drop", names }),
    digest: (names) => ask<"Digest">({ _tag: "Digest", names }),
    save: (file, names, metadata) => ask<"Save">({ _tag: "Save", file, names, metadata }),
    peakBytes: ask<"PeakBytes">({ _tag: "PeakBytes" }),
    session: (graph) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          const session = sessions++
          // What others wrote is computed on CPU.
          const onDevice = provider !== "webgpu" || "bytes" in graph ? undefined : DeviceGraph.of(graph)
          const model = onDevice !== undefined ? Graph.bytes(onDevice.graph) : modelOf(graph)
          const request = { _tag: "Create", session, name: graph.name, model, binding: onDevice?.binding } as const
          return Effect.as(ask<"Create">(request), session)
        }),
        // A session is gone with its process.
        (session) => Effect.ignore(ask<"Release">({ _tag: "Release", session })),
      ).pipe(
        Effect.map((session): Session => ({
          run: ({ feeds = {}, resident = {}, keep = {}, fetch = [] }) =>
            ask<"Run">({ _tag: "Run", session, feeds, resident, keep, fetch }),
        })),
      ),
  }
}

const modelOf = (graph: Graph.Graph | Model): Uint8Array => ("bytes" in graph ? graph.bytes : Graph.bytes(graph))

/**
 * Everything a process computes with is fixed once it runs, so for each provider one child is asked and its answer
 * remembered.
 */
const known = new Map<Provider, Readonly<Record<string, string>>>()

const environment = (options: Options): Effect.Effect<Readonly<Record<string, string>>, SessionFailed> =>
  Effect.suspend(() => {
    const { provider = "cpu" } = options
    const remembered = known.get(provider)
    if (remembered !== undefined) return Effect.succeed(remembered)
    const asking = Effect.flatMap(connect(options), ({ ask }) => ask<"Environment">({ _tag: "Environment" }))
    return Effect.tap(Effect.scoped(asking), (asked) => Effect.sync(() => known.set(provider, asked)))
  })

const said = (lastWords: string): string => {
  const lines = lastWords
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
  // Node ends its reports with its version, so the telling line is seldom the last.
  const telling = lines.findLast((line) => /error|fatal|terminate|abort/i.test(line)) ?? lines.at(-1)
  return telling === undefined ? "" : `, saying: ${telling}`
}

const hint = (signal: NodeJS.Signals): string =>
  signal === "SIGKILL"
    ? " (out of memory, if nobody sent it)"
    : signal === "SIGABRT"
      ? " (out of memory, or a native error)"
      : ""
