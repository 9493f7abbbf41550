import { describe, expect, it } from "vitest";
import { errorFrom } from "./errors";

const answer = (status: number, body: string, headers: Record<string, string> = {}) =>
  errorFrom(
    new Response(body, { status, headers: { "Content-Type": "application/problem+json", ...headers } }),
  );

describe("errors of the registry", () => {
  it("keeps detail, request id and field errors of a problem document", async () => {
    const errors = [{ field: "/path", value: "/api", rule: "is reserved" }];
    const error = await answer(422, JSON.stringify({ title: "x", detail: "two fields are wrong", errors }), {
      "X-Request-Id": "req-1",
    });
    expect(error.message).toBe("Two fields are wrong.");
    expect(error.requestId).toBe("req-1");
    expect(error.fields).toEqual(errors);
  });

  it("takes the request id from the body where no header has it", async () => {
    expect((await answer(500, '{"instance":"req-2"}')).requestId).toBe("req-2");
  });

  it("survives bodies that are HTML, cut off, or of the wrong shape", async () => {
    for (const body of ["<html>", '{"title":', "null", "[]", '{"errors":[null,{"field":1}]}']) {
      const error = await answer(502, body);
      expect(error.status).toBe(502);
      expect(error.title).not.toBe("");
      expect(error.fields).toEqual([]);
    }
    expect((await answer(502, "<html>", { "Content-Type": "text/html" })).message).toBe(
      "The registry cannot be reached",
    );
  });

  it("reads when to come back", async () => {
    expect((await answer(429, "{}", { "Retry-After": "90" })).retryAfterSeconds).toBe(90);
    expect((await answer(429, "{}")).retryAfterSeconds).toBe(null);
  });
});
