import * as Providers from "@thaw/runners/Providers"
import { Effect } from "effect"
import { expect, it } from "vitest"

it("every provider is tried: the processor works, the others work or say why not", async () => {
  const all = await Effect.runPromise(Providers.all(120_000))
  expect(all.map(({ provider }) => provider)).toEqual(["cpu", "webgpu", "cuda"])
  expect(all[0]!.problem).toBeUndefined()
  for (const { problem } of all.slice(1)) if (problem !== undefined) expect(problem).toMatch(/\S/)
})

it("a provider that does not answer in time is not waited for", async () => {
  const all = await Effect.runPromise(Providers.all(1))
  expect(all.map(({ problem }) => problem)).toEqual(Array(3).fill("no answer within 0.001 s"))
})

it("says what the usual reasons ask for", () => {
  const adapter = { provider: "webgpu", problem: "Failed to get a WebGPU adapter: No supported adapters" } as const
  expect(Providers.advice(adapter)).toBe("It needs a GPU and its driver; on Linux a Vulkan driver and libvulkan1.")
  const libraries = { provider: "cuda", problem: "Failed to load shared library" } as const
  expect(Providers.advice(libraries)).toContain("CUDA 12")
  expect(Providers.advice({ provider: "webgpu", problem: undefined })).toBe("")
})
