import { expect, it } from "vitest";
import { ME } from "@/test/app";
import { may } from "./permission";

const me = {
  ...ME,
  is_admin: false,
  ui_permissions: { modify_service: ["a", "team/b"], list_service: ["all"] },
};

it("lets administrators do everything and strangers nothing", () => {
  expect(may(ME, "delete_service", "/x")).toBe(true);
  expect(may(null, "list_service", "/x")).toBe(false);
});

it("looks for the server, or for any", () => {
  expect(may(me, "modify_service", "/team/b")).toBe(true);
  expect(may(me, "modify_service", "/b")).toBe(false);
  expect(may(me, "list_service", "/anything")).toBe(true);
  expect(may(me, "modify_service")).toBe(true);
  expect(may(me, "toggle_service")).toBe(false);
});
