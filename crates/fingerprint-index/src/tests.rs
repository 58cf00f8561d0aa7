mod crash;
mod differential;
mod folder;
mod format;
mod works;
