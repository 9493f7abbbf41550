import { screen, waitFor } from "@testing-library/react";
import { beforeEach, describe, expect, it } from "vitest";
import { FakeRegistry, json, open } from "@/test/app";

const ADA = { username: "ada", groups: [], disabled: false, built_in: false, updated_at: null };

let registry: FakeRegistry;
beforeEach(() => {
  registry = new FakeRegistry().install().servers();
  registry.on("GET /api/users", () => json([ADA]));
});

describe("a dialog", () => {
  it("gives the focus back to the button that opened it", async () => {
    const { user } = open("/ui/users");
    const button = await screen.findByRole("button", { name: "Add user" });
    await user.click(button);
    expect(screen.getByLabelText("User name")).toHaveFocus();
    await user.keyboard("{Escape}");
    await waitFor(() => expect(button).toHaveFocus());
  });

  it("gives it back to the button of the menu that opened it", async () => {
    const { user } = open("/ui/users");
    const button = await screen.findByRole("button", { name: "Actions for ada" });
    await user.click(button);
    await user.click(await screen.findByRole("menuitem", { name: "Remove" }));
    await user.click(screen.getByRole("button", { name: "Cancel" }));
    await waitFor(() => expect(button).toHaveFocus());
  });

  it("gives it to the page where that button is gone", async () => {
    registry.on("DELETE /api/users/ada", () => {
      registry.on("GET /api/users", () => json([]));
      return new Response(null, { status: 204 });
    });
    const { user } = open("/ui/users");
    await user.click(await screen.findByRole("button", { name: "Actions for ada" }));
    await user.click(await screen.findByRole("menuitem", { name: "Remove" }));
    await user.click(screen.getByRole("button", { name: "Remove" }));
    await waitFor(() => expect(screen.getByRole("main")).toHaveFocus());
  });

  it("keeps it where one content follows another", async () => {
    const made = { token_id: "t1", kind: "token", tokens: { access_token: "secret-token" } };
    registry.on("GET /api/tokens", () => json([])).on("POST /api/tokens/generate", () => json(made));
    const { user } = open("/ui/tokens");
    const button = await screen.findByRole("button", { name: "Generate token" });
    await user.click(button);
    await user.click(screen.getByRole("button", { name: "Generate" }));
    await screen.findByText("secret-token");
    await waitFor(() =>
      expect(screen.getByRole("dialog")).toContainElement(document.activeElement as HTMLElement),
    );
    expect(button).not.toHaveFocus();
    await user.click(screen.getByRole("button", { name: "Done" }));
    await waitFor(() => expect(button).toHaveFocus());
  });
});
