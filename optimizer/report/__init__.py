"""What a run writes: the folder, its tables, the page for planners and the workbook."""
