import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";

const ROWS = ["w-40", "w-28", "w-48", "w-36", "w-32", "w-44"];

export const ServersSkeleton = () => (
  <output aria-label="Loading servers">
    <div className="mb-4 flex gap-2">
      <Skeleton className="h-9 w-full max-w-72" />
      <Skeleton className="hidden h-9 w-72 sm:block" />
    </div>
    <Card className="divide-y divide-line">
      {ROWS.map((width) => (
        <div key={width} className="flex items-center gap-6 px-5 py-4">
          <div className="flex-1 space-y-2">
            <Skeleton className={`h-4 ${width}`} />
            <Skeleton className="h-3 w-2/3 max-w-80" />
          </div>
          <Skeleton className="hidden h-4 w-40 md:block" />
          <Skeleton className="hidden h-4 w-20 lg:block" />
          <Skeleton className="h-4.5 w-8 rounded-full" />
        </div>
      ))}
    </Card>
  </output>
);
