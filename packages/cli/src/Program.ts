/** The whole command: arguments in, exit code out, every error one sentence on standard error. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Effect, Layer } from "effect"
import * as Cli from "./Cli.ts"
import { thaw } from "./Commands.ts"
import * as ExitCode from "./ExitCode.ts"
import * as Provenance from "./Provenance.ts"
import * as Ansi from "./render/Ansi.ts"

export const main = (args: ReadonlyArray<string>): void => {
  endAtSecondInterrupt()
  endWithReader()
  Cli.Command.runWith(thaw, { version: Provenance.own().version })(args).pipe(
    Effect.provide(Layer.merge(NodeServices.layer, Cli.layer)),
    Effect.tapCause((cause) => Effect.sync(() => report(cause, args))),
    NodeRuntime.runMain({
      disableErrorReporting: true,
      teardown: (exit) => leave(ExitCode.of(exit)),
    }),
  )
}

/** The first Ctrl-C asks the run to stop between updates (NodeRuntime interrupts it); the second asks nobody. */
const endAtSecondInterrupt = (): void => {
  let asked = false
  process.on("SIGINT", () => {
    if (asked) process.exit(ExitCode.interrupted)
    asked = true
  })
}

/** `thaw … | head`: when nobody reads any more, the run stops as with one Ctrl-C. */
const endWithReader = (): void => {
  let gone = false
  process.stdout.on("error", (cause: NodeJS.ErrnoException) => {
    if (cause.code !== "EPIPE") throw cause
    // Every write that follows fails as well.
    if (!gone) process.emit("SIGINT")
    gone = true
  })
  process.stderr.on("error", () => {})
}

/** Ends the process once everything is written, whatever timers a pipeline's file left behind. */
const leave = (code: number): void => {
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))
}

const report = (cause: Cause.Cause<unknown>, args: ReadonlyArray<string>): void => {
  if (Cause.hasInterruptsOnly(cause)) return
  const error = Cause.squash(cause)
  const palette = Ansi.paletteOf(process.stderr)
  const mistakes = Cli.mistakes(error)
  for (const mistake of mistakes ?? []) {
    // The command that would have written the stream was never reached.
    if (args.includes("--json")) process.stdout.write(`${jsonLine(mistake)}\n`)
  }
  for (const each of mistakes ?? [error]) process.stderr.write(`${palette.bad("error:")} ${sentence(each)}\n`)
  if ((process.env["THAW_DEBUG"] ?? "") !== "" && mistakes === undefined) {
    process.stderr.write(`\n${Cause.pretty(cause)}\n`)
  }
}

const jsonLine = ({ _tag, message }: { readonly _tag: string; readonly message: string }): string =>
  JSON.stringify({ event: "failed", step: null, error: { _tag, message } })

/** A user's mistake is told by its own sentence; of a defect of ours only the first line, and where to see more. */
const sentence = (error: unknown): string => {
  const message = error instanceof Error ? error.message : String(error)
  if (typeof (error as { _tag?: unknown } | null)?._tag === "string") return message
  const first = message.split("\n")[0]!
  const advice = (process.env["THAW_DEBUG"] ?? "") === "" ? " (THAW_DEBUG=1 shows where it comes from)" : ""
  return `${error instanceof Error ? error.name : "unexpected"}: ${first}${advice}`
}
