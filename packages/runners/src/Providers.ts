/**
 * Which execution providers work on this machine, found out by trying: each computes something, in a process of its own,
 * since a native failure ends the process it happens in and a driver may never answer.
 */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import type { Provider } from "./Onnxruntime.ts"

export interface Availability {
  readonly provider: Provider
  /** Why not, in the runtime's words; `undefined` where it works. */
  readonly problem: string | undefined
}

const providers: ReadonlyArray<Provider> = ["cpu", "webgpu", "cuda"]

/** A first session on a GPU may compile for seconds. */
const patienceMillis = 60_000

/**
 * In a fixed order.
 *
 * @param millis how long each may take
 */
export const all = (millis = patienceMillis): Effect.Effect<ReadonlyArray<Availability>> =>
  Effect.forEach(providers, (provider) => Effect.map(attempt(provider, millis), (problem) => ({ provider, problem })), {
    concurrency: "unbounded",
  })

/** What makes a provider work that does not, where that is known. */
export const advice = ({ provider, problem = "" }: Availability): string =>
  provider === "webgpu" && problem.includes("adapter")
    ? "It needs a GPU and its driver; on Linux a Vulkan driver and libvulkan1."
    : provider === "cuda" && problem.includes("shared library")
      ? "It needs an NVIDIA GPU, CUDA 12 and cuDNN 9, and onnxruntime-node installed with its install script."
      : ""

/** The entry lies beside this file: TypeScript in the workspace, JavaScript when installed. */
const entry = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./ProviderChild.ts" : "./ProviderChild.js", import.meta.url),
)

const attempt = (provider: Provider, millis: number): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const child = fork(entry, [provider], { execArgv: [], stdio: "ignore" })
    let answer: string | undefined
    const timer = setTimeout(() => {
      answer ??= `no answer within ${millis / 1000} s`
      child.kill("SIGKILL")
    }, millis)
    child.on("message", (problem) => (answer = problem as string))
    child.on("error", (cause) => resume(Effect.succeed(cause.message)))
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      resume(
        Effect.succeed(
          answer !== undefined
            ? answer === ""
              ? undefined
              : answer
            : `its process ended ${signal === null ? `with exit code ${code}` : `by signal ${signal}`}`,
        ),
      )
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      child.kill("SIGKILL")
    })
  })
