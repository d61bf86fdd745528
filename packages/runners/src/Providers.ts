/**
 * Which execution providers work on this machine, found out by trying: a session of one node on each, every one in a
 * process of its own, since a native failure ends the process it happens in.
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

const patienceMillis = 20_000

/** In a fixed order. */
export const all: Effect.Effect<ReadonlyArray<Availability>> = Effect.suspend(() =>
  Effect.forEach(providers, (provider) => Effect.map(attempt(provider), (problem) => ({ provider, problem })), {
    concurrency: "unbounded",
  }),
)

/** The entry lies beside this file: TypeScript in the workspace, JavaScript when installed. */
const entry = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "./ProviderChild.ts" : "./ProviderChild.js", import.meta.url),
)

const attempt = (provider: Provider): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const child = fork(entry, [provider], { execArgv: [], stdio: "ignore", timeout: patienceMillis })
    let answer: string | undefined
    child.on("message", (problem) => (answer = problem as string))
    child.on("error", (cause) => resume(Effect.succeed(cause.message)))
    child.on("close", (code, signal) =>
      resume(
        Effect.succeed(
          answer !== undefined
            ? answer === ""
              ? undefined
              : answer
            : `its process ended ${signal === null ? `with exit code ${code}` : `by signal ${signal}`}`,
        ),
      ),
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })
