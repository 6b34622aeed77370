"""The grader lab: stored responses graded by every grader, and where the graders disagree."""
