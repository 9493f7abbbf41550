import { chromium } from "playwright-core";

/** Debian's browser; playwright's own is not needed. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });

/** Collects what a healthy page never has: console errors, uncaught errors, policy violations, foreign requests. */
export async function watch(page, origin) {
  const faults = [];
  page.on("console", (message) => {
    const text = message.text();
    // The browser reports each refused request by itself; those of the API are part of the flows.
    if (
      message.type() === "error" &&
      !/^Failed to load resource: the server responded with a status of/.test(text)
    )
      faults.push(text);
  });
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  page.on("response", (response) => {
    if (response.status() >= 400 && !new URL(response.url()).pathname.startsWith("/api/"))
      faults.push(`${response.status()} for ${response.url()}`);
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:") && !url.startsWith("blob:"))
      faults.push(`foreign request: ${url}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI}`),
    );
  });
  return faults;
}

export async function signIn(page, origin, password) {
  await page.goto(`${origin}/ui/login`);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Servers", exact: true }).waitFor();
}
