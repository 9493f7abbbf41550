import { Skeleton } from "@/components/ui/skeleton";

export const DetailSkeleton = () => (
  <output aria-label="Loading" className="mx-auto block w-full max-w-[76rem] px-4 pt-9 sm:px-8">
    <Skeleton className="mb-5 h-4 w-20" />
    <Skeleton className="mb-3 h-7 w-64" />
    <Skeleton className="mb-8 h-4 w-full max-w-md" />
    <Skeleton className="mb-5 h-72 w-full rounded-xl" />
    <Skeleton className="h-56 w-full rounded-xl" />
  </output>
);
