/**
 * Entry of a session process. It answers requests in order until its parent closes the channel or dies.
 *
 * Ctrl-C and a polite end reach every process of a terminal's group. What they mean is for the parent to decide, so
 * both are ignored here, from before the slow imports on. Node drops messages that find no listener: it is there
 * before the imports too, and the first message waits for them.
 */
import process from "node:process"
import type { ProcessOptions, Question, Reply } from "./SessionProtocol.ts"

process.on("SIGINT", () => {})
process.on("SIGTERM", () => {})

let last: Promise<void> = Promise.resolve()
process.on("message", (question: Question) => {
  last = last.then(() => answer(question))
})
// With the channel gone and everything freed nothing is left to wait for, and the process ends by itself: leaving with
// process.exit would abort if a run were under way.
process.on("disconnect", () => {
  last = last.then(async () => (await loading).host.close())
})

const loading = import("./SessionHost.ts").then(({ make, problemOf }) => ({
  host: make(JSON.parse(process.argv[2] ?? "{}") as ProcessOptions),
  problemOf,
}))

const answer = async ({ id, request }: Question): Promise<void> => {
  const { host, problemOf } = await loading
  // Nobody waits for what a parent that is gone has asked.
  if (!process.connected) return
  try {
    reply({ id, outcome: { _tag: "Done", value: await host.answer(request) } })
  } catch (cause) {
    reply({ id, outcome: { _tag: "Failed", problem: problemOf(`session process, ${request._tag}`, cause) } })
  }
}

const reply = (message: Reply): void => {
  if (process.connected) process.send?.(message, () => {})
}
