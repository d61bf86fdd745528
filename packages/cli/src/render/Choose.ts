/** The renderer for where the output goes: a program, a terminal, or a file. */
import type * as Renderer from "./Renderer.ts"

/** Loaded when needed: a plan needs none, a log no drawing. */
export const choose = async (json: boolean, screen: Renderer.Screen): Promise<Renderer.Make> => {
  if (json) return (await import("./Json.ts")).make
  if (screen.isTTY === true && process.env["TERM"] !== "dumb") return (await import("./Live.ts")).make
  return (await import("./Plain.ts")).make
}
