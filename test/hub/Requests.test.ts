import { existsSync, readdirSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import path from "node:path"
import * as Hub from "@thaw/hub/Hub"
import * as Snapshot from "@thaw/hub/Snapshot"
import { Effect, Redacted } from "effect"
import { describe, expect, it } from "vitest"
import * as FakeHub from "./fakeHub.ts"
import * as World from "./world.ts"

const parquet = "data/train.parquet"

/** Names of what lies among the blobs. */
const blobs = (hub: FakeHub.FakeHub): ReadonlyArray<string> => {
  const folder = path.join(hub.cache, "datasets--acme--moods", "blobs")
  return existsSync(folder) ? readdirSync(folder) : []
}

const sentence = async (hub: FakeHub.FakeHub, settings = hub.settings) =>
  (await World.failure(settings, [parquet])).replaceAll(new URL(hub.url).host, "HOST")

const of = (hub: FakeHub.FakeHub, host: FakeHub.Noted["host"], matching = /./) =>
  hub.requests.filter((request) => request.host === host && matching.test(request.url))

describe("a hub that is busy is asked again", () => {
  it("after the seconds it names", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/\/tree\//, (response) => response.writeHead(429, { "retry-after": "7" }).end())
    hub.misbehaveOnce(/\/resolve\//, (response) => response.writeHead(429, { ratelimit: '"api";r=0;t=55' }).end())
    await World.fetch(hub.settings, [parquet])
    expect(hub.pauses).toEqual([7000, 55_000])
  })

  it("at the time it names", async () => {
    const hub = await FakeHub.start(World.dataset)
    const later = new Date(Date.now() + 60_000).toUTCString()
    hub.misbehaveOnce(/\/tree\//, (response) => response.writeHead(503, { "retry-after": later }).end())
    await World.fetch(hub.settings, [parquet])
    expect(hub.pauses[0]).toBeGreaterThan(30_000)
    expect(hub.pauses[0]).toBeLessThanOrEqual(60_000)
  })

  it("after longer and longer waits, and not for ever", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ url }, response) => {
      if (!url.includes("/tree/")) return false
      FakeHub.refuse(response, 502)
      return true
    })
    expect(await sentence(hub)).toBe(
      "HubUnreachable hf://datasets/acme/moods: expected the list of its files from HOST, got the answer 502, 6 times. Try again later.",
    )
    expect(hub.pauses).toHaveLength(5)
    for (const [at, pause] of hub.pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(250 * 2 ** at)
      expect(pause).toBeLessThanOrEqual(500 * 2 ** at)
    }
  })

  it("but not where it wants to be left alone for long", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/\/tree\//, (response) => response.writeHead(429, { "retry-after": "86400" }).end())
    expect(await sentence(hub)).toBe(
      "HubUnreachable hf://datasets/acme/moods: expected the list of its files from HOST, got the answer 429 and a wait of 86400 s. Try again later.",
    )
  })

  it.each([500, 502, 503, 504, 408])("for a file too, after %d", async (status) => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/topsecret/, (response) => FakeHub.refuse(response, status), 3)
    expect(World.read(await World.fetch(hub.settings, [parquet]), parquet)).toEqual(World.large)
    expect(hub.pauses).toHaveLength(3)
  })
})

describe("a connection that is cut", () => {
  const cut =
    (afterBytes: number) =>
    (response: ServerResponse, { headers }: FakeHub.Noted) => {
      const from = Number(/^bytes=(\d+)-/.exec(headers.range ?? "")?.[1] ?? 0)
      response.writeHead(206, {
        "content-length": World.large.length - from,
        "content-range": `bytes ${from}-${World.large.length - 1}/${World.large.length}`,
      })
      response.write(World.large.subarray(from, from + afterBytes), () => response.destroy())
    }

  it("is taken up where it ended", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/topsecret/, cut(100_000), 2)
    expect(World.read(await World.fetch(hub.settings, [parquet]), parquet)).toEqual(World.large)
    // How much of what was sent had come when the connection was cut is the network's affair.
    const starts = of(hub, "storage").map(({ headers }) => Number(/^bytes=(\d+)-$/.exec(headers.range!)![1]))
    expect(starts).toHaveLength(3)
    expect(starts[0]).toBe(0)
    expect(starts[1]).toBeGreaterThan(0)
    expect(starts[2]).toBeGreaterThan(starts[1]!)
    expect(blobs(hub)).toEqual([FakeHub.sha256(World.large)])
  })

  it("may be cut often as long as bytes come", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/topsecret/, cut(20_000), 14)
    expect(World.read(await World.fetch(hub.settings, [parquet]), parquet)).toEqual(World.large)
    expect(Math.max(...hub.pauses)).toBeLessThanOrEqual(500)
  })

  it("starts over where the host gives no ranges", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/topsecret/, cut(100_000))
    hub.misbehave(({ host }, response) => {
      if (host === "storage") response.writeHead(200).end(World.large)
      return host === "storage"
    })
    expect(World.read(await World.fetch(hub.settings, [parquet]), parquet)).toEqual(World.large)
  })

  it("leaves nothing that passes for a whole file", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ host }, response) => {
      if (host === "storage") response.destroy()
      return host === "storage"
    })
    expect(await sentence(hub)).toMatch(
      /^HubUnreachable hf:\/\/datasets\/acme\/moods: expected "data\/train\.parquet" from HOST, got a cut connection( \(\w+\))?, 6 times\. Try again later\.$/,
    )
    expect(blobs(hub).filter((name) => !name.endsWith(".incomplete"))).toEqual([])
    const offline = await World.failure({ ...hub.settings, offline: true }, [parquet])
    expect(offline).toContain('expected "data/train.parquet" in the cache, got nothing')
  })

  it("may be cut by us: what is there is no file yet, and the next attempt goes on with it", async () => {
    const hub = await FakeHub.start(World.dataset)
    const stop = new AbortController()
    hub.misbehaveOnce(/topsecret/, (response) => {
      response.writeHead(206, { "content-range": `bytes 0-${World.large.length - 1}/${World.large.length}` })
      response.write(World.large.subarray(0, 100_000), () => setTimeout(() => stop.abort(), 200))
    })
    const at = { kind: "dataset", name: "acme/moods", commit: World.first } as const
    const wanted = Snapshot.files(at, [parquet]).pipe(Effect.provideService(Hub.Hub, hub.settings))
    await expect(Effect.runPromise(wanted, { signal: stop.signal })).rejects.toThrow(/interrupted/)
    expect(blobs(hub).filter((name) => !name.endsWith(".incomplete"))).toEqual([])
    const folder = await World.fetch(hub.settings, [parquet])
    expect(World.read(folder, parquet)).toEqual(World.large)
    expect(of(hub, "storage").map(({ headers }) => headers.range)[1]).toMatch(/^bytes=[1-9]/)
    expect(blobs(hub)).toEqual([FakeHub.sha256(World.large)])
  })

  it("counts as cut when it goes silent", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/topsecret/, (response) => {
      response.writeHead(206, {
        "content-length": World.large.length,
        "content-range": `bytes 0-${World.large.length - 1}/${World.large.length}`,
      })
      response.write(World.large.subarray(0, 1000))
    })
    const folder = await World.fetch({ ...hub.settings, idleMillis: 200 }, [parquet])
    expect(World.read(folder, parquet)).toEqual(World.large)
    expect(of(hub, "storage").map(({ headers }) => headers.range)).toEqual(["bytes=0-", "bytes=1000-"])
  })

  it("is no connection where nobody listens", async () => {
    const hub = await FakeHub.start(World.dataset)
    const server = createServer().listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const settings = { ...hub.settings, endpoint: `http://127.0.0.1:${port}` }
    expect(await World.failure(settings, [parquet])).toBe(
      `HubUnreachable hf://datasets/acme/moods: expected the commit of "main" from 127.0.0.1:${port}, got no server there, 6 times. Try again later.`,
    )
  })
})

describe("content is refused", () => {
  const answered = async (content: Uint8Array, headers: Record<string, string> = {}) => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ host }, response) => {
      if (host === "storage") response.writeHead(200, headers).end(content)
      return host === "storage"
    })
    const told = await sentence(hub)
    expect(blobs(hub).filter((name) => !name.endsWith(".incomplete"))).toEqual([])
    return { told, hub }
  }

  it("with another checksum, after a second attempt", async () => {
    const { told, hub } = await answered(Buffer.from(World.large).fill(7, 5, 6))
    expect(told).toBe(
      `HubBroken hf://datasets/acme/moods: expected "data/train.parquet" with the checksum ${FakeHub.sha256(World.large)}, got other content, twice. It was changed on its way, or the hub is not to be trusted.`,
    )
    expect(of(hub, "storage")).toHaveLength(2)
  })

  it("with more bytes than promised", async () => {
    const { told } = await answered(Buffer.concat([World.large, World.large]))
    expect(told).toBe('HubBroken hf://datasets/acme/moods: expected "data/train.parquet" with 300000 bytes, got more.')
  })

  it("that says it has another size", async () => {
    const { told } = await answered(World.large.subarray(0, 10), { "content-length": "10" })
    expect(told).toBe('HubBroken hf://datasets/acme/moods: expected "data/train.parquet" with 300000 bytes, got 10.')
  })

  it("of a small file with another git id", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ url }, response) => {
      const meant = url.endsWith("config.json")
      if (meant) response.end(`{"a":2}\n`)
      return meant
    })
    expect(await World.failure(hub.settings, ["config.json"])).toContain(
      `expected "config.json" with the checksum ${FakeHub.gitBlob(World.files["config.json"])}, got other content, twice.`,
    )
  })

  it("once, and taken when it comes right the second time", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/topsecret/, (response) => response.end(Buffer.from(World.large).fill(7, 5, 6)))
    expect(World.read(await World.fetch(hub.settings, [parquet]), parquet)).toEqual(World.large)
  })
})

describe("a redirect", () => {
  it("to another host does not carry the token", async () => {
    const hub = await FakeHub.start({ ...World.dataset, gated: true })
    await World.fetch(hub.withToken, [parquet, "config.json"])
    expect(of(hub, "storage")).toHaveLength(1)
    expect(of(hub, "storage").filter(({ headers }) => headers.authorization !== undefined)).toEqual([])
    const tokens = new Set(of(hub, "hub").map(({ headers }) => headers.authorization))
    expect([...tokens]).toEqual(["Bearer hf_secret"])
  })

  it("that leads back does not bring it back", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/topsecret/, (response) => response.writeHead(302, { location: `${hub.url}/stolen` }).end())
    await World.fetch(hub.withToken, [parquet])
    const [back] = of(hub, "hub", /^\/stolen/)
    expect(back).toBeDefined()
    expect(back!.headers.authorization).toBeUndefined()
  })

  it("within the hub is followed, for repositories that were renamed", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ url }, response) => {
      if (!url.includes("acme/old")) return false
      response.writeHead(307, { location: url.replace("acme/old", "acme/moods") }).end()
      return true
    })
    const folder = await World.fetch(hub.withToken, [parquet], "hf://datasets/acme/old")
    expect(World.read(folder, parquet)).toEqual(World.large)
    expect(folder).toContain("datasets--acme--old")
  })

  it.each([
    ["to a file", "file:///etc/passwd", "expected a redirect to http://…, got one to file://…."],
    ["to a name with a password", "http://a:b@127.0.0.1/", "expected a redirect to http://…, got one to http://…."],
    ["to nowhere", "http://", "expected a redirect to some place, got one to nowhere."],
  ])("%s is refused", async (_, location, told) => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/\/resolve\//, (response) => response.writeHead(302, { location }).end())
    expect(await sentence(hub)).toBe(`HubBroken hf://datasets/acme/moods: ${told}`)
  })

  it("in a circle is refused", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ url }, response) => {
      if (!url.includes("/resolve/")) return false
      response.writeHead(302, { location: url }).end()
      return true
    })
    expect(await sentence(hub)).toBe("HubBroken hf://datasets/acme/moods: expected at most 10 redirects, got more.")
  })

  it("of a listing's pages to another host is refused", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehaveOnce(/\/tree\//, (response) => FakeHub.json(response, [], { link: '<http://127.0.0.2:1/x>; rel="next"' })) // prettier-ignore
    expect(await sentence(hub)).toContain("expected the list of its files in at most 1000 pages of HOST, got others.")
  })
})

describe("a token", () => {
  it("is in no message, whatever goes wrong", async () => {
    const secret = "hf_doNotTell"
    const faults: ReadonlyArray<FakeHub.Fault> = [
      (_, response) => (response.destroy(), true),
      (_, response) => (FakeHub.refuse(response, 401), true),
      (_, response) => (FakeHub.refuse(response, 403, "GatedRepo"), true),
      ({ headers }, response) => (response.writeHead(500).end(headers.authorization), true),
      ({ headers }, response) => (FakeHub.json(response, { error: headers.authorization }), true),
      ({ headers }, response) => (response.writeHead(302, { location: `ftp://${headers.authorization}` }).end(), true),
    ]
    for (const fault of faults) {
      const hub = await FakeHub.start(World.dataset)
      hub.misbehave(fault)
      const told = await World.failure({ ...hub.settings, token: Redacted.make(secret) }, [parquet])
      expect(told).not.toContain(secret)
    }
  })

  it("that no header can carry is refused without being told", async () => {
    const hub = await FakeHub.start(World.dataset)
    expect(await World.failure({ ...hub.settings, token: Redacted.make("hf_a\nb") }, [parquet])).toBe(
      "HubUnreachable HF_TOKEN: expected a token in one word of ASCII characters, got other characters.",
    )
  })
})

it("no request leaves where the network is not to be used", async () => {
  const hub = await FakeHub.start(World.dataset)
  expect(await World.failure({ ...hub.settings, offline: true }, [parquet])).toBe(
    'HubUnreachable hf://datasets/acme/moods: expected the commit of "main" in the cache, got nothing, and HF_HUB_OFFLINE is set. Unset it to ask the hub.',
  )
  expect(hub.requests).toEqual([])
})

it("an endpoint that is no address is named", async () => {
  const hub = await FakeHub.start(World.dataset)
  expect(await World.failure({ ...hub.settings, endpoint: "huggingface.co" }, [parquet])).toBe(
    'HubUnreachable HF_ENDPOINT: expected an address that starts with https://, got "huggingface.co".',
  )
})
