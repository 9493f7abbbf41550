import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const local = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Loads `src/theme-init.js` as a classic, blocking script with a hashed name: the theme is set before
 * the first paint, and the Content-Security-Policy needs no exception for an inline script.
 */
function themeScript(): Plugin {
  const source = readFileSync(local("./src/theme-init.js"), "utf8");
  const hash = createHash("sha256").update(source).digest("base64url").slice(0, 8);
  const fileName = `assets/theme-init-${hash}.js`;
  let base = "/";
  let building = false;
  return {
    name: "theme-script",
    configResolved(config) {
      base = config.base;
      building = config.command === "build";
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName, source });
    },
    transformIndexHtml() {
      const src = building ? `${base}${fileName}` : "/src/theme-init.js";
      return [{ tag: "script", attrs: { src }, injectTo: "head-prepend" }];
    },
  };
}

export default defineConfig(({ command }) => ({
  // Built files are served from /static/ by the binary; index.html answers every /ui/* path.
  base: command === "build" ? "/static/" : "/",
  plugins: [themeScript(), react(), tailwindcss()],
  resolve: { alias: { "@": local("./src") } },
  server: {
    port: 5173,
    proxy: { "/api": { target: process.env.MCP_DEV_API ?? "http://127.0.0.1:7860" } },
  },
  build: {
    outDir: "dist/app",
    emptyOutDir: true,
    assetsDir: "assets",
    // data: URIs for fonts and styles are not allowed by the Content-Security-Policy.
    assetsInlineLimit: 0,
    target: "es2023",
    modulePreload: { polyfill: false },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test/setup.ts"],
    // Pages with somebody at the keyboard take long where a build uses the same cores.
    testTimeout: 30_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
}));
