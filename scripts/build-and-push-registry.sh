#!/usr/bin/env bash
# Builds the registry image and pushes it to Amazon ECR; see build-and-push.sh.
exec "$(dirname "${BASH_SOURCE[0]}")/build-and-push.sh" registry
