#!/usr/bin/env bash
# Builds an image and pushes it to Amazon ECR: scripts/build-and-push.sh gateway|registry
#
# The scripts build-and-push-gateway.sh and build-and-push-registry.sh call this. AWS_REGION names the
# region (us-east-1). The image gets the tags latest and the version of Cargo.toml; its URI is
# written to scripts/.gateway_container_uri or scripts/.registry_container_uri.
set -euo pipefail

SCRIPT_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PARENT_DIR="$(dirname "$SCRIPT_DIR")"
AWS_REGION="${AWS_REGION:-us-east-1}"

case "${1:-}" in
  gateway)  TITLE=Gateway;  NAME=mcp-gateway;  DOCKERFILE=docker/Dockerfile.gateway;       URI_FILE="$SCRIPT_DIR/.gateway_container_uri" ;;
  registry) TITLE=Registry; NAME=mcp-registry; DOCKERFILE=docker/Dockerfile.registry-only; URI_FILE="$SCRIPT_DIR/.registry_container_uri" ;;
  *) echo "usage: scripts/build-and-push.sh gateway|registry" >&2; exit 2 ;;
esac
for tool in aws docker; do
  command -v "$tool" >/dev/null || { echo "error: $tool is not installed" >&2; exit 1; }
done

VERSION="$(sed -n 's/^version *= *"\(.*\)"/\1/p' "$PARENT_DIR/Cargo.toml" | head -n 1)"
ACCOUNT="$(aws sts get-caller-identity --query Account --output text)"
HOST="$ACCOUNT.dkr.ecr.$AWS_REGION.amazonaws.com"
REPOSITORY="$HOST/$NAME"

echo "Building and pushing $TITLE container..."
echo "Region: $AWS_REGION"
echo "Repository: $NAME"

echo "Logging in to Amazon ECR..."
aws ecr get-login-password --region "$AWS_REGION" | docker login --username AWS --password-stdin "$HOST"

echo "Creating ECR repository if it doesn't exist..."
aws ecr describe-repositories --repository-names "$NAME" --region "$AWS_REGION" >/dev/null 2>&1 \
  || aws ecr create-repository --repository-name "$NAME" --region "$AWS_REGION" >/dev/null

echo "Building $TITLE Docker image..."
docker build -f "$PARENT_DIR/$DOCKERFILE" -t "$NAME:latest" "$PARENT_DIR"

for tag in latest "$VERSION"; do
  docker tag "$NAME:latest" "$REPOSITORY:$tag"
  echo "Pushing $REPOSITORY:$tag..."
  docker push "$REPOSITORY:$tag"
done

echo "$REPOSITORY:latest" > "$URI_FILE"
echo "Successfully built and pushed $1 image:"
echo "$REPOSITORY:latest"
echo "Container URI saved to $URI_FILE"
