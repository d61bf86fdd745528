import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import type * as Hub from "@thaw/hub/Hub"
import * as Upload from "@thaw/hub/Upload"
import { Effect, Redacted } from "effect"
import { describe, expect, it, onTestFinished } from "vitest"
import * as FakeHub from "./fakeHub.ts"
import * as World from "./world.ts"

const large = Buffer.from(Array.from({ length: 450_000 }, (_, at) => (at * 17) % 253))
const content: Readonly<Record<string, string | Buffer>> = {
  "README.md": "# Triage\n",
  "encoder/config.json": `{"a":1}\n`,
  "encoder/model.safetensors": large,
  "tasks/topic/config.json": `{"b":2}\n`,
  "tasks/topic/model.safetensors": Buffer.concat([large, large.subarray(0, 7)]),
  "tasks/topic/small.safetensors": Buffer.from("weights"),
  "tasks/empty.txt": "",
}

const filesOf = (given: Readonly<Record<string, string | Buffer>>): ReadonlyArray<Upload.File> => {
  const folder = mkdtempSync(path.join(tmpdir(), "thaw-upload-"))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return Object.entries(given).map(([name, bytes]) => {
    const from = path.join(folder, name)
    mkdirSync(path.dirname(from), { recursive: true })
    writeFileSync(from, bytes)
    return { path: name, from }
  })
}

const repository = { kind: "model", name: "acme/triage" } as const
const upload = (
  settings: Hub.Settings,
  files: ReadonlyArray<Upload.File>,
  more: Partial<Upload.Options> = {},
): Promise<Upload.Uploaded> =>
  World.run(settings, Upload.folder({ repository, files, whole: ["encoder", "tasks"], title: "Upload", ...more }))

/** The sentence that it ends with. */
const failure = async (hub: FakeHub.FakeHub, settings: Hub.Settings, more: Partial<Upload.Options> = {}) => {
  const error: unknown = await upload(settings, filesOf(content), more).then(
    ({ commit }) => {
      throw new Error(`expected a failure, got ${commit}`)
    },
    (cause: unknown) => cause,
  )
  const { _tag, message } = error as { _tag: string; message: string }
  return `${_tag} ${message}`.replaceAll(new URL(hub.url).host, "HOST")
}

const there = (hub: FakeHub.FakeHub) => {
  const { revisions, commits, private: isPrivate } = hub.repositories.find(({ name }) => name === repository.name)!
  const files = commits[revisions["main"]!]!
  return { commit: revisions["main"]!, count: Object.keys(commits).length, files, private: isPrivate }
}
const same = (files: Readonly<Record<string, string | Uint8Array>>, wanted: typeof content) => {
  const { ".gitattributes": _, ...own } = files
  expect(Object.keys(own).sort()).toEqual(Object.keys(wanted).sort())
  for (const [name, bytes] of Object.entries(wanted)) expect(Buffer.from(own[name]!).equals(Buffer.from(bytes)), name).toBe(true) // prettier-ignore
}
const posts = (hub: FakeHub.FakeHub, matching: RegExp) =>
  hub.requests.filter(({ method, url }) => method !== "GET" && matching.test(url))

/** As it was before anybody tried. */
const before = (): FakeHub.Repository => {
  const files = { ".gitattributes": "", "README.md": "# Old\n", "tasks/old/config.json": "{}", LICENSE: "mine" }
  return { ...repository, revisions: { main: World.first }, commits: { [World.first]: files } }
}

describe("a folder becomes a repository's content", () => {
  it("in a new private one, in one commit, with large files in the storage and the token at the hub only", async () => {
    const hub = await FakeHub.start()
    const told: Array<readonly [number, number]> = []
    const report: Upload.Options["report"] = (...bytes) => Effect.sync(() => void told.push(bytes))
    const { commit, changed } = await upload(hub.withToken, filesOf(content), { report })
    expect(changed).toBe(true)
    expect(there(hub)).toMatchObject({ commit, count: 2, private: true })
    same(there(hub).files, content)
    // In parts of 200,000 bytes, but for the small one.
    expect(posts(hub, /part=/)).toHaveLength(6)
    expect(posts(hub, /signature=topsecret$/)).toHaveLength(1)
    expect(posts(hub, /\/commit\//)).toHaveLength(1)
    expect(told[0]).toEqual([0, Object.values(content).reduce((sum, each) => sum + Buffer.from(each).length, 0)])
    for (const { host, headers } of hub.requests) {
      expect(headers.authorization).toBe(host === "hub" ? "Bearer hf_secret" : undefined)
    }
  })

  it("and an equal one once more is no commit and no upload", async () => {
    const hub = await FakeHub.start()
    const { commit } = await upload(hub.withToken, filesOf(content))
    hub.requests.length = 0
    expect(await upload(hub.withToken, filesOf(content))).toEqual({ commit, changed: false })
    expect(posts(hub, /./)).toEqual([])
  })

  it("on top of what others put there, which stays, but for leftovers in its own folders", async () => {
    const hub = await FakeHub.start(before())
    await upload(hub.withToken, filesOf(content))
    same(there(hub).files, { ...content, LICENSE: "mine" })
    expect(there(hub).count).toBe(2)
  })

  it("only as far as it differs", async () => {
    const hub = await FakeHub.start()
    await upload(hub.withToken, filesOf(content))
    hub.requests.length = 0
    const changed = { ...content, "README.md": "# Triage, again\n" }
    await upload(hub.withToken, filesOf(changed))
    same(there(hub).files, changed)
    expect(posts(hub, /signature/)).toEqual([])
  })

  it("for everybody to see where that was said", async () => {
    const hub = await FakeHub.start()
    await upload(hub.withToken, filesOf(content), { private: false })
    expect(there(hub).private).toBe(false)
  })

  it("under another that somebody made meanwhile, and without losing theirs", async () => {
    const hub = await FakeHub.start(before())
    hub.misbehaveOnce(/\/preupload\//, (response) => {
      const mine = hub.repositories[0]!
      mine.commits[World.second] = { ...mine.commits[World.first]!, "theirs.txt": "theirs" }
      mine.revisions["main"] = World.second
      FakeHub.refuse(response, 503)
    })
    await upload(hub.withToken, filesOf(content))
    same(there(hub).files, { ...content, LICENSE: "mine", "theirs.txt": "theirs" })
  })
})

describe("a busy or breaking hub is asked again", () => {
  it.each([
    [/\/preupload\//, 503],
    [/\/objects\/batch/, 429],
    [/signature=topsecret/, 500],
    [/\/complete/, 502],
    [/\/commit\//, 503],
    [/\/repos\/create/, 500],
    [/\/revision\//, 504],
    [/\/tree\//, 429],
  ])("at %s after the answer %i", async (matching, status) => {
    const hub = await FakeHub.start()
    hub.misbehaveOnce(matching, (response) => FakeHub.refuse(response, status), 2)
    await upload(hub.withToken, filesOf(content))
    same(there(hub).files, content)
    expect(hub.pauses).toHaveLength(2)
    expect(there(hub).count).toBe(2)
  })

  it("when it cuts the connection in the middle of a large file", async () => {
    const hub = await FakeHub.start()
    hub.misbehaveOnce(/part=2/, (response) => response.socket!.destroy())
    await upload(hub.withToken, filesOf(content))
    same(there(hub).files, content)
  })

  it("and a commit whose answer was lost is found, not made twice", async () => {
    const hub = await FakeHub.start()
    // The commit happens, and nobody hears of it.
    hub.misbehave(({ url }, response) => {
      if (!url.includes("/commit/") || there(hub).count > 1) return false
      response.writeHead = () => response.socket!.destroy() as never
      return false
    })
    const { commit } = await upload(hub.withToken, filesOf(content))
    expect(there(hub)).toMatchObject({ count: 2, commit })
    expect(posts(hub, /\/commit\//)).toHaveLength(1)
  })
})

describe("an upload that cannot be", () => {
  const always = (status: number, error?: string) => (matching: RegExp) => (hub: FakeHub.FakeHub) =>
    hub.misbehave(({ url, method }, response) => {
      if (!matching.test(url) || method === "GET") return false
      FakeHub.refuse(response, status, undefined, error)
      return true
    })
  const at = (hub: FakeHub.FakeHub, token: string): Hub.Settings => ({ ...hub.settings, token: Redacted.make(token) })

  it("for want of a token says so and asks nobody", async () => {
    const hub = await FakeHub.start(before())
    expect(await failure(hub, hub.settings)).toBe(
      "HubRefused hf://acme/triage: expected a token that may write there in HF_TOKEN, got none. Make one on the page of the account at HOST. What ran before this is kept.",
    )
    expect(hub.requests).toEqual([])
  })

  it("offline says so and asks nobody", async () => {
    const hub = await FakeHub.start(before())
    expect(await failure(hub, { ...hub.withToken, offline: true })).toBe(
      "HubUnreachable hf://acme/triage: expected an upload, got no network, as HF_HUB_OFFLINE is set. Unset it to upload.",
    )
    expect(hub.requests).toEqual([])
  })

  it("with a token that nobody knows, or that may only read, says so", async () => {
    const hub = await FakeHub.start(before())
    expect(await failure(hub, at(hub, "hf_wrong"))).toBe(
      "HubRefused hf://acme/triage: expected a token that HOST knows, got the answer 401. Check HF_TOKEN; it may have been revoked.",
    )
    expect(await failure(hub, at(hub, "hf_reader"))).toBe(
      "HubRefused hf://acme/triage: expected an account that may write there, got the answer 403 (You may only read). Give the token of HF_TOKEN write access to acme, or name another repository.",
    )
  })

  it("to somebody else's place says so", async () => {
    const hub = await FakeHub.start()
    expect(await failure(hub, hub.withToken, { repository: { kind: "model", name: "others/triage" } })).toBe(
      "HubRefused hf://others/triage: expected an account that may write there, got the answer 403 (You may not write to others). Give the token of HF_TOKEN write access to others, or name another repository.",
    )
  })

  it("into a repository that others may see, or may not, against what was said, says so", async () => {
    const hub = await FakeHub.start(before())
    expect(await failure(hub, hub.withToken, { private: true })).toBe(
      "HubRefused hf://acme/triage: expected a private repository, got a public repository of that name. Change it on its page at HOST, or leave out private.",
    )
    expect(posts(hub, /./)).toEqual([])
  })

  it.each([
    [404, "HubRefused hf://acme/triage: expected a place of that name on HOST, got the answer 404. Check that acme exists and that HF_TOKEN may write to it."], // prettier-ignore
    [400, "HubRefused hf://acme/triage: expected an upload that HOST takes, got the answer 400."],
    [413, "HubRefused hf://acme/triage: expected an upload that HOST takes, got the answer 413."],
    [409, "HubUnreachable hf://acme/triage: expected an upload from HOST, got the answer 409 to a commit on top of another, 6 times. Try again later."], // prettier-ignore
    [
      429,
      "HubUnreachable hf://acme/triage: expected an upload from HOST, got the answer 429, 6 times. Try again later.",
    ],
    [
      500,
      "HubUnreachable hf://acme/triage: expected an upload from HOST, got the answer 500, 6 times. Try again later.",
    ],
  ])(
    "for the answer %i to its commit is one sentence, and leaves the repository as it was",
    async (status, sentence) => {
      const hub = await FakeHub.start(before())
      always(status)(/\/commit\//)(hub)
      expect(await failure(hub, hub.withToken)).toBe(sentence)
      expect(there(hub)).toMatchObject({ commit: World.first, count: 1 })
    },
  )

  it("for a storage that takes nothing, or a host that cuts every connection, too", async () => {
    for (const cut of [false, true]) {
      const hub = await FakeHub.start(before())
      hub.misbehave(({ host }, response) => {
        if (host !== "storage") return false
        if (cut) response.socket!.destroy()
        else FakeHub.refuse(response, 403)
        return true
      })
      expect(await failure(hub, hub.withToken)).toMatch(
        cut
          ? /^HubUnreachable hf:\/\/acme\/triage: expected an upload from HOST, got a cut connection \(\w+\), 6 times\. Try again later\.$/
          : /^HubUnreachable hf:\/\/acme\/triage: expected an upload from HOST, got the answer 403, 6 times\. Try again later\.$/,
      )
      expect(there(hub)).toMatchObject({ commit: World.first, count: 1 })
    }
  })

  it("repeats neither the token nor signed addresses of what a hub says", async () => {
    const hub = await FakeHub.start(before())
    always(400, "bad metadata for hf_secret,\n see https://store/x?signature=topsecret !")(/\/commit\//)(hub)
    expect(await failure(hub, hub.withToken)).toBe(
      "HubRefused hf://acme/triage: expected an upload that HOST takes, got the answer 400 (bad metadata for …, see … !).",
    )
  })

  it("sends large files nowhere else than the hub says, and never by another way than asked", async () => {
    const hub = await FakeHub.start(before())
    for (const href of ["file:///etc/passwd", "ftp://host/x", "nowhere"]) {
      hub.misbehaveOnce(/\/objects\/batch/, (response) => {
        const objects = ["encoder/model.safetensors", "tasks/topic/model.safetensors", "tasks/topic/small.safetensors"]
        FakeHub.json(response, {
          transfer: "basic",
          objects: objects.map((name) => ({
            oid: FakeHub.sha256(content[name]!),
            size: 1,
            actions: { upload: { href } },
          })),
        })
      })
      expect(await failure(hub, hub.withToken)).toBe(
        "HubBroken hf://acme/triage: expected https://… for a large file, got another place.",
      )
    }
    const answers: ReadonlyArray<readonly [unknown, string]> = [
      [{ oid: "a".repeat(64) }, "one for another"],
      [{ actions: { upload: { href: 7 } } }, "an answer in another form"],
      [{ actions: { upload: { href: hub.url, header: { chunk_size: "10", "00001": hub.url } } } }, "1 parts of 10 bytes for 450000 bytes"], // prettier-ignore
    ]
    for (const [object, got] of answers) {
      hub.misbehaveOnce(/\/objects\/batch/, (response) =>
        FakeHub.json(response, { objects: [{ oid: FakeHub.sha256(large), size: 1, ...(object as object) }] }),
      )
      expect(await failure(hub, hub.withToken)).toBe(
        `HubBroken hf://acme/triage: expected places for the large files that were asked for, got ${got}.`,
      )
    }
    hub.misbehaveOnce(/\/objects\/batch/, (response) =>
      FakeHub.json(response, { objects: [{ oid: FakeHub.sha256(large), error: { code: 422, message: "no room" } }] }),
    )
    expect(await failure(hub, hub.withToken)).toBe(
      "HubRefused hf://acme/triage: expected an upload that HOST takes, got the answer 422 (no room).",
    )
    hub.misbehaveOnce(/\/preupload\//, (response) => response.writeHead(302, { location: "/elsewhere" }).end())
    expect(await failure(hub, hub.withToken)).toBe(
      "HubBroken hf://acme/triage: expected an answer to what was sent, got a redirect, 302.",
    )
    expect(there(hub)).toMatchObject({ commit: World.first, count: 1 })
  })

  it("is refused an endpoint that has a password in it, without repeating it", async () => {
    const hub = await FakeHub.start(before())
    const endpoint = hub.url.replace("//", "//me:hunter2@")
    expect(await failure(hub, { ...hub.withToken, endpoint })).toBe(
      "HubUnreachable HF_ENDPOINT: expected an address alone, got one with a user or a password in it. HF_TOKEN says who asks.",
    )
  })
})
